"""The multiverse: every defensible combination of analysis choices, and the verdict under each.

`claims.yaml` lists the choices (factors), their levels, the first of which is printed, and the indicators they touch. A
room computes its indicators under every combination, the rules then judge each. Steegen, Tuerlinckx, Gelman and
Vanpaemel, Perspectives on Psychological Science 11 (2016), 702-712; Simonsohn, Simmons and Nelson, Nature Human
Behaviour 4 (2020), 1208-1214.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cache, reduce
from itertools import product
from pathlib import Path
from textwrap import wrap
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.special import betaincinv

from chanjiao import figures
from chanjiao.bias import first_failing
from chanjiao.claims import (
    CONTRADICTED,
    INSUFFICIENT,
    MIXED,
    SUPPORTED,
    UNDECIDED,
    Rule,
    decide,
    indicator_rules,
    join,
    judge_indicator,
    limits,
    shortfall,
)
from chanjiao.figures import PALETTE
from chanjiao.pipeline import PROCESSED
from chanjiao.statistics import Estimate

Combination = Mapping[str, str]  # a level for each factor
Evaluate = Callable[[Combination], Estimate]
Correct = Callable[[Combination], Mapping[float, Estimate]]  # corrected for unseen marks, by sensitivity
T = TypeVar("T")

THRESHOLDS = "thresholds"  # this factor moves the rules, not the estimate
INTERVAL = "interval"  # how a share gets its interval; every room leaves this factor to `specifications`
INTERVALS = ("wilson", "exact")
FIELDS = ("value", "low", "high", "n", "clusters", "effective_n", "n_other", "clusters_other", "publishing")
VERDICTS = (
    SUPPORTED, f"leaning {SUPPORTED}", MIXED, UNDECIDED, INSUFFICIENT, f"leaning {CONTRADICTED}", CONTRADICTED,
)  # fmt: skip
OPPOSITE = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}


# The combinations


def levels(claims: Mapping[str, Any], indicator: str) -> dict[str, list[str]]:
    """The factors that touch an indicator and their levels, the printed one first.

    Raises ValueError for a factor that claims.yaml names and does not define.
    """
    defined = claims["multiverse"]["factors"]
    touching = claims["multiverse"]["indicators"][indicator]
    unknown = [factor for factor in touching if factor not in defined]
    if unknown:
        raise ValueError(
            f"claims.yaml, multiverse: found the factor {unknown[0]} at {indicator}; expected one of "
            f"{', '.join(defined)}; do correct its name or define its levels under factors"
        )
    return {factor: list(defined[factor]) for factor in touching}


def combinations(factors: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the levels, the last factor moving fastest: the first one is the printed analysis."""
    return [dict(zip(factors, chosen, strict=True)) for chosen in product(*factors.values())]


def remembered(function: Callable[[Combination], T], *factors: str) -> Callable[[Combination], T]:
    """`function`, which must depend on these factors of a combination only, computed once for each of their levels."""
    known: dict[Hashable, T] = {}

    def lookup(combination: Combination) -> T:
        key = tuple(combination[factor] for factor in factors)
        if key not in known:
            known[key] = function(combination)
        return known[key]

    return lookup


def exact(estimate: Estimate, confidence: float) -> Estimate:
    """A share with the interval of Clopper and Pearson on its effective sample size instead of Wilson's.

    Biometrika 26 (1934), 404-413; with a design effect Korn and Graubard, Survey Methodology 24 (1998), 193-201.
    """
    if estimate.value is None or not estimate.effective_n:
        return estimate
    size, tail = estimate.effective_n, (1 - confidence) / 2
    marked = estimate.value * size
    # The quantiles of beta distributions; where all or none are marked, one end is the end of the scale.
    low = float(betaincinv(marked, size - marked + 1, tail)) if marked > 0 else 0.0
    high = float(betaincinv(marked + 1, size - marked, 1 - tail)) if marked < size else 1.0
    return estimate.with_(interval=(low, high))


def specifications(
    claims: Mapping[str, Any],
    indicator: str,
    estimate: Evaluate,
    known: Mapping[str, Collection[str]],
    confidence: float,
    corrected: Correct | None = None,
) -> pd.DataFrame:
    """An indicator under every combination of its factors, one row each, the printed one first.

    `estimate` gives it for a combination, `known` are the levels it can tell apart, `corrected` gives the shares
    corrected for unseen marks by sensitivity (`bias.corrected_shares`). Columns: indicator, a column a factor (but for
    the thresholds), those of FIELDS, and tipping_LEVEL for each level of the thresholds: the sensitivity at which a
    supporting verdict falls, empty below the minimum of the rule. Raises ValueError for a level in claims.yaml that is
    not known.
    """
    factors = levels(claims, indicator)
    _refuse_unknown(indicator, factors, {INTERVAL: INTERVALS, THRESHOLDS: factors.get(THRESHOLDS, []), **known})
    scales = factors.pop(THRESHOLDS, ["1"])
    rule = indicator_rules(claims)[indicator]
    rows = []
    for combination in combinations(factors):
        limited = _limiter(combination, confidence)
        found = limited(estimate(combination))
        tipping = {f"tipping_{scale}": np.nan for scale in scales}
        if corrected and not shortfall(rule, found):
            for scale in scales:
                if decide(rule, found.interval, float(scale)) == SUPPORTED:
                    tipping[f"tipping_{scale}"] = _tipping(rule, corrected(combination), limited, float(scale))
        rows.append({"indicator": indicator, **combination, **_flat(found), **tipping})
    return pd.DataFrame(rows).astype(dict.fromkeys(FIELDS, float))


def _refuse_unknown(indicator: str, factors: Mapping[str, Sequence[str]], known: Mapping[str, Collection[str]]) -> None:
    for factor, named in factors.items():
        for level in named:
            if level not in known.get(factor, ()):
                raise ValueError(
                    f"claims.yaml, multiverse: found the level {level} of {factor}, which {indicator} cannot compute; "
                    f"expected one of {', '.join(known.get(factor, ['no level at all']))}; do remove it or teach the "
                    "function specifications of its room"
                )


def _limiter(combination: Combination, confidence: float) -> Callable[[Estimate], Estimate]:
    if combination.get(INTERVAL, INTERVALS[0]) == INTERVALS[0]:
        return lambda estimate: estimate
    return lambda estimate: exact(estimate, confidence)


def _tipping(
    rule: Rule, shares: Mapping[float, Estimate], limited: Callable[[Estimate], Estimate], scale: float
) -> float:
    return first_failing(shares, lambda share: decide(rule, limited(share).interval, scale) == SUPPORTED)


def _flat(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval or (None, None)
    return {field: {"low": low, "high": high}.get(field, getattr(estimate, field, None)) for field in FIELDS}


# The verdicts


def read_specifications(root: Path, province: str, claims: Mapping[str, Any]) -> pd.DataFrame:
    """The specifications of all indicators that the rooms left in data/processed for a province."""
    rooms = list(dict.fromkeys(rule["key"].split(".")[0] for rule in indicator_rules(claims).values()))
    text = dict.fromkeys(claims["multiverse"]["factors"], "str")
    folders = {room: root / PROCESSED / room / province / "figures" for room in rooms}
    tables = [
        pd.read_csv(folder / f"fig-{room}-specifications.csv", dtype=text, keep_default_na=False, na_values=[""])
        for room, folder in folders.items()
    ]
    return pd.concat(tables, ignore_index=True)


def judged(claims: Mapping[str, Any], specifications: pd.DataFrame, indicator: str) -> pd.DataFrame:
    """The verdict on an indicator under every combination, thresholds included.

    `specifications` may hold other indicators too. Columns: its factors, verdict, and solid (whether it rests on enough
    effective units for a full verdict). What the rule wants to hold under two levels of a factor, like the codes that
    both passes and either pass give, is asked for at the printed level of that factor; at any other level, that level
    alone is judged.
    """
    rule, joining, factors = indicator_rules(claims)[indicator], claims["joining"], levels(claims, indicator)
    scales = factors.pop(THRESHOLDS, ["1"])
    found = specifications[specifications["indicator"] == indicator].to_dict("records")
    testing = _testing_factor(rule, factors, indicator)
    rows = []
    for scale in scales:
        estimates = {tuple(row[factor] for factor in factors): _estimate(row, scale) for row in found}
        for key, estimate in estimates.items():
            combination = dict(zip(factors, key, strict=True))
            asked = rule["holds_under"] if testing and combination[testing] == factors[testing][0] else []
            variants = {name: estimates[tuple({**combination, testing: name}.values())] for name in asked}
            verdict = judge_indicator({**rule, "holds_under": asked}, estimate, variants, joining, float(scale))
            solid = (estimate.effective_n or 0) >= joining["effective_n"]
            rows.append({**combination, THRESHOLDS: scale, "verdict": verdict["verdict"], "solid": solid})
    return pd.DataFrame(rows)


def _testing_factor(rule: Rule, factors: Mapping[str, Sequence[str]], indicator: str) -> str:
    """The factor among whose levels are those that the rule must hold under; empty where it need not."""
    if not rule["holds_under"]:
        return ""
    for factor, named in factors.items():
        if set(rule["holds_under"]) <= set(named):
            return factor
    raise ValueError(
        f"claims.yaml, multiverse: {indicator} must hold under {' and '.join(rule['holds_under'])}; found no factor of "
        "it with these levels; do add one"
    )


def _estimate(row: Mapping[Hashable, Any], scale: str) -> Estimate:
    kept = {field: None if pd.isna(row[field]) else row[field] for field in FIELDS}
    interval = None if kept["low"] is None or kept["high"] is None else (float(kept["low"]), float(kept["high"]))
    tipping = row[f"tipping_{scale}"]
    return Estimate(
        kept["value"], interval, int(kept["n"] or 0), kept["clusters"], kept["effective_n"], kept["n_other"],
        kept["clusters_other"], tipping=None if pd.isna(tipping) else tipping, publishing=kept["publishing"],
    )  # fmt: skip


def with_verdicts(claims: Mapping[str, Any], specifications: pd.DataFrame) -> pd.DataFrame:
    """`specifications` with the verdict on the indicator under the printed thresholds, in the column verdict."""
    parts = []
    for indicator, part in specifications.groupby("indicator", sort=False):
        verdicts = judged(claims, part, str(indicator))
        printed = verdicts.loc[verdicts[THRESHOLDS] == verdicts[THRESHOLDS].iloc[0], "verdict"]
        parts.append(part.assign(verdict=printed.to_numpy()))
    return pd.concat(parts, ignore_index=True)


def universes(claims: Mapping[str, Any], specifications: pd.DataFrame) -> pd.DataFrame:
    """The verdict on every claim under every combination of the choices that touch its indicators.

    A factor that touches several indicators of a claim has the same level in all of them. Columns: claim, a column a
    factor of claims.yaml (empty where it does not touch the claim), verdict. The first row of a claim is the printed
    analysis.
    """
    columns = ["claim", *claims["multiverse"]["factors"], "verdict"]
    tables = [_universes_of(claims, specifications, claim).assign(claim=claim) for claim in claims["claims"]]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)


def _universes_of(claims: Mapping[str, Any], specifications: pd.DataFrame, claim: str) -> pd.DataFrame:
    rules, joining = claims["claims"][claim]["indicators"], claims["joining"]

    @cache
    def verdict(*states: Any) -> str:
        sizes = [joining["effective_n"] if solid else 0 for solid in states[1::2]]
        indicators = [
            {"verdict": verdict, "table": rule["table"], "effective_n": size}
            for rule, verdict, size in zip(rules.values(), states[::2], sizes, strict=True)
        ]
        return join(indicators, joining)

    tables = [judged(claims, specifications, name).rename(columns=_named(name)) for name in rules]
    crossed = reduce(_crossed, tables)
    states = crossed[[column for name in rules for column in _named(name).values()]]
    return crossed.assign(verdict=[verdict(*state) for state in states.itertuples(index=False, name=None)])


def _named(indicator: str) -> dict[str, str]:
    return {"verdict": f"{indicator} verdict", "solid": f"{indicator} solid"}


def _crossed(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    shared = [column for column in left.columns if column in right.columns]
    return left.merge(right, on=shared) if shared else left.merge(right, how="cross")


# How far the verdicts agree


def agreement(universes: pd.DataFrame) -> pd.DataFrame:
    """How far the combinations agree with the printed verdict, one row a claim.

    Columns: claim, printed, combinations (number), and as shares of them same (the printed verdict), direction (leaning
    and full verdicts counted together), opposite (a verdict, full or leaning, in the opposite direction) and
    insufficient (too few data for any verdict); then enough (number of the others) and, as share of these, same_enough
    (the printed verdict; missing where there are none).
    """
    rows = []
    for claim, verdicts in universes.groupby("claim", sort=False)["verdict"]:
        printed, directions = verdicts.iloc[0], verdicts.map(direction)
        shares = {
            "same": verdicts.eq(printed).mean(),
            "direction": directions.eq(direction(printed)).mean(),
            "opposite": directions.eq(OPPOSITE.get(direction(printed), "")).mean(),
            "insufficient": verdicts.eq(INSUFFICIENT).mean(),
            "enough": int(verdicts.ne(INSUFFICIENT).sum()),
            "same_enough": verdicts[verdicts.ne(INSUFFICIENT)].eq(printed).mean(),
        }
        rows.append({"claim": claim, "printed": printed, "combinations": len(verdicts), **shares})
    return pd.DataFrame(rows)


def direction(verdict: str) -> str:
    """A verdict without the word leaning.

    >>> direction("leaning supported")
    'supported'
    """
    return verdict.removeprefix("leaning ")


def by_level(universes: pd.DataFrame, factors: Iterable[str]) -> pd.DataFrame:
    """The verdicts among the combinations with each level of each factor that touches a claim.

    Columns: claim, factor, level (both "all" for all combinations), combinations (number), same (share with the printed
    verdict), then the share of each verdict of VERDICTS.
    """
    rows = []
    for claim, part in universes.groupby("claim", sort=False):
        printed = part["verdict"].iloc[0]
        groups = {("all", "all"): part["verdict"]}
        for factor in factors:
            chosen = part.groupby(factor, sort=False)["verdict"]  # without the rows that the factor does not touch
            groups |= {(factor, str(level)): verdicts for level, verdicts in chosen}
        for (factor, level), verdicts in groups.items():
            shares = verdicts.value_counts(normalize=True).reindex(VERDICTS, fill_value=0)
            place = {"claim": claim, "factor": factor, "level": level, "combinations": len(verdicts)}
            rows.append({**place, "same": verdicts.eq(printed).mean(), **shares})
    return pd.DataFrame(rows)


def influence(levels: pd.DataFrame) -> pd.DataFrame:
    """How much each factor matters: claim, factor, lowest, highest (share with the printed verdict at its levels).

    `levels` is the result of `by_level`. The factor with the widest range comes first within each claim.
    """
    choices = levels[levels["factor"] != "all"]
    spread = choices.groupby(["claim", "factor"], sort=False)["same"].agg(lowest="min", highest="max").reset_index()
    # Rounded, so that ties stay ties and keep the order of claims.yaml.
    spread["range"] = (spread["highest"] - spread["lowest"]).round(9)
    ordered = spread.sort_values(["claim", "range"], ascending=[True, False], kind="stable", ignore_index=True)
    return ordered.drop(columns="range")


# Drawings


def draw_curves(curves: pd.DataFrame, claims: Mapping[str, Any]) -> Figure:
    """Draw the specification curve of every indicator in the result of `with_verdicts`, a panel each.

    Combinations below the minimum of the rule are counted, not drawn: their intervals would hide the others.
    """
    parts = {str(name): part for name, part in curves.groupby("indicator", sort=True)}
    heights = [2.1 if part["verdict"].ne(INSUFFICIENT).any() else 0.7 for part in parts.values()]
    figure, axes = figures.new(0.6 + sum(heights), rows=len(parts), height_ratios=heights)
    for axis, (name, part) in zip(axes[:, 0], parts.items(), strict=True):
        _draw_curve(axis, part, indicator_rules(claims)[name], name)
    _legend(figure, [verdict for verdict in (SUPPORTED, UNDECIDED, CONTRADICTED) if verdict in set(curves["verdict"])])
    return figure


def _draw_curve(axis: Axes, curve: pd.DataFrame, rule: Rule, name: str) -> None:
    numbered = curve.reset_index(drop=True)
    known = numbered[numbered["value"].notna() & (numbered["verdict"] != INSUFFICIENT)]
    axis.set_title("\n".join(wrap(f"{name} {rule['meaning']}", 110)), fontsize=8.5)
    if known.empty:
        figures.no_data_panel(axis, f"under none of {len(curve):,} combinations are there data enough for the rule")
        return
    known = known.sort_values("value", kind="stable")
    places = pd.Series(range(1, len(known) + 1), index=known.index)
    # One short line and one column a combination, but one path for all: thousands of dots would make a heavy file.
    columns = np.add.outer(places.to_numpy(float), [-0.5, 0.5]).ravel()
    low, high = np.repeat(known[["low", "high"]].to_numpy(float).T, 2, axis=1)
    axis.fill_between(columns, low, high, color=PALETTE["light"], linewidth=0)
    for verdict, part in known.groupby("verdict", sort=True):
        ends = np.add.outer(places[part.index].to_numpy(float), [-0.5, 0.5, np.nan])
        axis.plot(ends.ravel(), np.repeat(part["value"].to_numpy(float), 3), linewidth=2.4, **_ink(str(verdict)))
    for limit in set(limits(rule).values()):
        axis.axhline(limit, color=PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axis.set(xlim=(0.4, len(known) + 0.6), ylim=_range(known, rule), ylabel=rule["unit"])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    printed = 0 in known.index  # the first combination is the printed analysis
    rest = ", the printed one among them," if not printed else ""
    few = f"; the others{rest} have too few data" if len(known) < len(curve) else ""
    axis.set_xlabel(f"{len(known):,} of {len(curve):,} combinations, sorted by estimate{few}", fontsize=8)
    if printed:
        _draw_printed(axis, int(places[0]), numbered.iloc[0])


def _draw_printed(axis: Axes, place: int, row: pd.Series) -> None:
    axis.vlines(place, row["low"], row["high"], color=PALETTE["ink"], linewidth=1.4)
    axis.plot(place, row["value"], "o", color=PALETTE["ink"], markersize=5.5)
    right = place < axis.get_xlim()[1] / 2
    axis.annotate(
        "printed", (place, row["value"]), xytext=(6 if right else -6, 6), textcoords="offset points",
        ha="left" if right else "right", fontsize=8,
    )  # fmt: skip


def _range(known: pd.DataFrame, rule: Rule) -> tuple[float, float]:
    """What the panel shows: the whole scale of a share or score, else the estimates and intervals that are not open."""
    fixed = {"share": (-0.02, 1.02), "rank score": (-1.04, 1.04)}
    if rule["unit"] in fixed:
        return fixed[rule["unit"]]
    ends = known[["value", "low", "high"]].to_numpy(float)
    points = np.append(ends[np.isfinite(ends)], list(limits(rule).values()))
    margin = 0.08 * (points.max() - points.min()) or 0.5
    return float(points.min() - margin), float(points.max() + margin)


def _ink(verdict: str) -> dict[str, Any]:
    """The colour of a verdict, pale where it only leans."""
    return {
        "color": PALETTE[figures.VERDICT_COLOURS[direction(verdict)]],
        "alpha": 0.4 if verdict != direction(verdict) else 1,
    }


def _legend(figure: Figure, verdicts: Sequence[str]) -> None:
    if not verdicts:
        return
    handles = [Patch(**_ink(verdict), linewidth=0) for verdict in verdicts]
    figure.legend(handles, verdicts, loc="outside lower center", ncols=min(len(verdicts), 4), fontsize=8)


def draw_universes(levels: pd.DataFrame, agreement: pd.DataFrame, claims: Mapping[str, Any]) -> Figure:
    """Draw the verdicts of all combinations: claims across, the choices other than the printed ones down.

    `levels` and `agreement` are the results of `by_level` and of `agreement`. The first bar of a claim holds all its
    combinations, coloured by verdict, the others those that make one choice otherwise; no bar where that choice does
    not touch the claim.
    """
    lines = _lines(levels, claims)
    figure, axes = figures.new(1.6 + 0.19 * (lines["place"].max() + 1), width=6, columns=len(agreement), sharey=True)
    for axis, row in zip(axes[0], agreement.to_dict("records"), strict=True):
        part = levels[levels["claim"] == row["claim"]].merge(lines, on=["factor", "level"])
        left = np.zeros(len(part))
        for verdict in VERDICTS:
            axis.barh(part["place"], part[verdict], left=left, height=0.86, linewidth=0, **_ink(verdict))
            left += part[verdict].to_numpy()
        axis.set_title(_heading(row), fontsize=7.5, loc="center")
        axis.set(xlim=(0, 1), xticks=[])
        axis.tick_params(axis="y", length=0)
        for side in axis.spines.values():
            side.set_visible(False)
    axes[0, 0].set_yticks(lines["place"], lines["label"], fontsize=8)
    axes[0, 0].set_ylim(lines["place"].max() + 0.6, -0.6)
    _legend(figure, [verdict for verdict in VERDICTS if levels[verdict].any()])
    return figure


def _lines(levels: pd.DataFrame, claims: Mapping[str, Any]) -> pd.DataFrame:
    """Where each choice is drawn: factor, level, label, place; the printed levels have no line of their own."""
    touching = set(levels["factor"])
    others = [
        (factor, level, meaning)
        for factor, meanings in claims["multiverse"]["factors"].items()
        for level, meaning in list(meanings.items())[1:]
        if factor in touching
    ]
    lines = pd.DataFrame([("all", "all", "all combinations"), *others], columns=["factor", "level", "label"])
    # A little room under the first line, with which all others are to be compared.
    return lines.assign(place=[0.0, *(place + 0.5 for place in range(1, len(lines)))])


def _heading(row: Mapping[Hashable, Any]) -> str:
    printed = "\n".join(wrap(row["printed"], 12))
    return f"{row['claim']}\n{printed}\n{row['same']:.0%} agree\nof {row['combinations']:,}"
