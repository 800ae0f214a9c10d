"""Room 07: joins the indicators of all rooms, applies the rules, shows how the verdicts move and what would decide."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chanjiao import figures
from chanjiao.claims import (
    BOUNDS,
    CONTRADICTED,
    INSUFFICIENT,
    MIXED,
    SUPPORTED,
    UNDECIDED,
    counted,
    judge_claim,
    threshold,
)
from chanjiao.results import ResultError, read_estimate
from chanjiao.statistics import Estimate

Estimates = dict[str, Estimate | None]
OUT_OF_REACH = 20  # nobody will collect more than this many times the rows there are
# Variants of the coding passes and of the dates are themselves what `holds_under` asks for.
OWN_VARIANTS = {"pass_a", "pass_b", "both", "either", "earliest", "latest"}
COLOURS = {SUPPORTED: "orange", CONTRADICTED: "blue", MIXED: "purple", UNDECIDED: "grey", INSUFFICIENT: "light"}
SYMBOLS = {SUPPORTED: "+", CONTRADICTED: "−", MIXED: "±", UNDECIDED: "?", INSUFFICIENT: "·"}


def indicator_rules(claims: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All indicator rules of claims.yaml by id (`C1.1`), in order."""
    return {name: rule for claim in claims["claims"].values() for name, rule in claim["indicators"].items()}


def read_estimates(claims: Mapping[str, Any], results: Mapping[str, Any]) -> Estimates:
    """The estimates of all indicators and of their variants (`KEY`, `KEY.VARIANT`) from recorded results."""
    found: Estimates = {}
    for rule in indicator_rules(claims).values():
        for variant in ("", *claims["sensitivity"], *rule["holds_under"]):
            key = f"{rule['key']}.{variant}".rstrip(".")
            if key in results:
                found[key] = read_estimate(results, key)
    return found


def judge(claims: Mapping[str, Any], estimates: Estimates, scale: float = 1.0) -> dict[str, dict[str, Any]]:
    """The verdict and the judged indicators of every claim; `scale` multiplies all thresholds."""
    return {name: judge_claim(claim, estimates, claims["joining"], scale) for name, claim in claims["claims"].items()}


def support(claims: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """For every remedy and direction: no verdict, but prevalence, coverage and trend as recorded by 02 and 06.

    Raises ResultError for one that was not recorded.
    """
    return {
        name: {
            "verdict": None,
            "indicators": [],
            "statement": entry["statement"],
            "prevalence": _recorded(results, f"literature.prevalence_{name.lower()}"),
            "coverage": _recorded(results, f"transmission.coverage_{name.lower()}"),
            "trend": _recorded(results, f"literature.trend_{name.lower()}"),
        }
        for name, entry in {**claims["remedies"], **claims["directions"]}.items()
    }


def _recorded(results: Mapping[str, Any], key: str) -> dict[str, Any]:
    if key not in results:
        room = key.split(".")[0]
        raise ResultError(f"{key} was not recorded, 07_synthesis needs it; record it in the notebook of {room}")
    kept = results[key]
    return {"key": key, **{part: kept[part] for part in ("value", "unit", "n", "interval", "reason")}}


def with_variant(claims: Mapping[str, Any], estimates: Estimates, variant: str) -> Estimates:
    """The estimates with every indicator that has this variant replaced by it.

    A variant keeps the bias analysis of the printed estimate unless it carries its own. For a variant of the coding
    passes or of the dates, that variant alone is judged.
    """
    changed = dict(estimates)
    for rule in indicator_rules(claims).values():
        key = rule["key"]
        printed, varied = estimates.get(key), estimates.get(f"{key}.{variant}")
        if printed is None or varied is None:
            continue
        tipping = printed.tipping if varied.tipping is None else varied.tipping
        publishing = printed.publishing if varied.publishing is None else varied.publishing
        effective = varied.effective_n if varied.effective_n is not None else varied.n
        changed[key] = varied.with_(tipping=tipping, publishing=publishing, effective_n=float(effective))
        if variant in OWN_VARIANTS:
            changed.update({f"{key}.{name}": varied for name in rule["holds_under"]})
    return changed


def multiverse(claims: Mapping[str, Any], estimates: Estimates) -> pd.DataFrame:
    """How the verdicts move: one row a choice (choice, meaning, indicators moved, then a column a claim).

    The first row is the printed analysis; then every variant of claims.yaml, also one that no indicator has and that
    can move nothing; then all thresholds lowered and raised by `joining.threshold_range` (Steegen et al., Perspectives
    on Psychological Science 11 (2016), 702-712).
    """
    spread = claims["joining"]["threshold_range"]
    rows = [_universe("printed", "the analysis as printed", claims, estimates, estimates)]
    for variant, meaning in claims["sensitivity"].items():
        varied = with_variant(claims, estimates, variant)
        rows.append(_universe(variant, meaning, claims, estimates, varied))
    for name, factor in (("thresholds_low", 1 - spread), ("thresholds_high", 1 + spread)):
        meaning = f"all thresholds times {factor:g}"
        rows.append(_universe(name, meaning, claims, estimates, estimates, factor))
    return pd.DataFrame(rows)


def _universe(
    name: str, meaning: str, claims: Mapping[str, Any], printed: Estimates, varied: Estimates, scale: float = 1.0
) -> dict[str, Any]:
    moved = sum(varied.get(rule["key"]) is not printed.get(rule["key"]) for rule in indicator_rules(claims).values())
    verdicts = {claim: judged["verdict"] for claim, judged in judge(claims, varied, scale).items()}
    return {"choice": name, "meaning": meaning, "indicators": moved, **verdicts}


def what_would_decide(claims: Mapping[str, Any], verdicts: Mapping[str, Any]) -> pd.DataFrame:
    """For every undecided or insufficient indicator: indicator, verdict, table, further rows, in words.

    Further rows assume that the estimate holds and that the interval narrows with the square root of the rows. The
    number is missing where more rows alone would not decide: the estimate lies between the thresholds or the bias
    analysis, not the interval, is what stops it.
    """
    rules = indicator_rules(claims)
    rows = []
    for claim in verdicts.values():
        for judged in claim["indicators"]:
            if judged["verdict"] in (UNDECIDED, INSUFFICIENT):
                further, words = _further_rows(rules[judged["id"]], judged)
                rows.append((judged["id"], judged["verdict"], judged["table"], further, words))
    frame = pd.DataFrame(rows, columns=["indicator", "verdict", "table", "further_rows", "what_would_decide"])
    return frame.astype({"further_rows": "Int64"})


def _further_rows(rule: Mapping[str, Any], judged: Mapping[str, Any]) -> tuple[int | None, str]:
    table = f"{rule['table']}.csv"
    if judged["verdict"] == INSUFFICIENT:
        lacking = max(needed - (judged[count] or 0) for count, needed in rule["minimum"].items())
        return lacking, f"{judged['reason']}; add rows to {table}"
    if judged["interval"] is None or "interval" not in judged["reason"]:
        return None, f"more rows alone would not decide: {judged['reason']}"
    if _variants_disagree(rule, judged):
        return None, f"more rows alone would not decide: {' and '.join(judged['variants'])} lie on different sides"
    factors = [factor for factor in (_factor(rule, judged, verdict) for verdict in (SUPPORTED, CONTRADICTED)) if factor]
    if not factors:
        return None, "more rows would not decide: no threshold lies on this side of the estimate"
    if not math.isfinite(min(factors)):
        return None, "more rows would decide if the estimate held, how many an open interval does not tell"
    # One more than the exact number, since the bound must pass the threshold and not only reach it.
    further = math.floor(round(judged["n"] * (min(factors) - 1), 6)) + 1
    reach = ", out of reach: it lies close to the threshold" if further > OUT_OF_REACH * judged["n"] else ""
    noun = rule.get("further", f"further row{'' if further == 1 else 's'} of {table}")
    return further, f"about {further:,} {noun} if the estimate held{reach}"


def _variants_disagree(rule: Mapping[str, Any], judged: Mapping[str, Any]) -> bool:
    """Whether the readings that must agree lie on both sides of a threshold: no number of rows makes them agree."""
    values = [value for value in judged["variants"].values() if value is not None]
    limits = [threshold(condition) for condition in _conditions(rule)]
    return any(min(values, default=limit) < limit < max(values, default=limit) for limit in limits)


def _factor(rule: Mapping[str, Any], judged: Mapping[str, Any], verdict: str) -> float | None:
    """By how much the sample must grow for this verdict: (half-width / distance to the threshold) squared.

    None where the estimate lies on the wrong side of the threshold, infinite where the interval is open at that side.
    """
    condition = rule.get(f"{verdict}_when")
    if condition is None:
        return None
    side = "below" if "below" in condition else "above"
    limit, value, end = threshold(condition), judged["value"], judged["interval"][BOUNDS[condition["bound"]]]
    if value == limit or (value < limit) != (side == "below"):
        return None
    if rule["unit"] in ("ratio", "rate ratio"):
        if min(value, end) <= 0:
            return math.inf
        limit, value, end = math.log(limit), math.log(value), math.log(end)
    return ((end - value) / (limit - value)) ** 2


def joint_display(claims: Mapping[str, Any], verdicts: Mapping[str, Any], results: Mapping[str, Any]) -> pd.DataFrame:
    """The three methods side by side, one row a claim: policy texts, events and statistics, cases, literature, verdict.

    Fetters, Curry and Creswell, Health Services Research 48 (2013), 2134-2156.
    """
    rows = []
    for name, claim in claims["claims"].items():
        judged = verdicts[name]["indicators"]
        texts = [one for one in judged if one["key"].startswith("transmission.")]
        figures_ = [one for one in judged if not one["key"].startswith("transmission.")]
        rows.append(
            {
                "Claim": f"{name} {claim['statement']}",
                "Policy texts": _in_words(texts),
                "Events and statistics": _in_words(figures_),
                "Cases": _cases_in_words(results, name),
                "Literature": _literature_in_words(results, name),
                "Verdict": verdicts[name]["verdict"],
            }
        )
    return pd.DataFrame(rows)


def _in_words(indicators: list[dict[str, Any]]) -> str:
    return "; ".join(f"{one['id']} {number_in_words(one)}: {one['verdict']}" for one in indicators)


def number_in_words(judged: Mapping[str, Any]) -> str:
    """`0.12 (0.05 to 0.24)`, `2.10 (1.30 to open)` or `no value`."""
    if judged["value"] is None:
        return "no value"
    value = _decimal(judged["value"])
    return f"{value} ({' to '.join(map(_decimal, judged['interval']))})" if judged["interval"] else value


def _decimal(value: float | None) -> str:
    return "open" if value is None or math.isinf(value) else f"{value:.2f}".replace("-", "−")


def _cases_in_words(results: Mapping[str, Any], claim: str) -> str:
    keys = [f"cases.{side}_{claim.lower()}" for side in ("supports", "contradicts", "silent")]
    if any(key not in results or results[key]["value"] is None for key in keys):
        return "not examined"
    supports, contradicts, silent = (results[key]["value"] for key in keys)
    return f"{supports} support, {contradicts} contradict, {silent} silent"


def _literature_in_words(results: Mapping[str, Any], claim: str) -> str:
    kept = results.get(f"literature.problem_{claim.lower()}")
    if kept is None or kept["value"] is None:
        return "not examined"
    return f"problem named by {kept['value']:.0%} of {kept['n']} works"


def agreement(frame: pd.DataFrame, claims: Mapping[str, Any], estimates: Estimates, claim: str) -> tuple[int, int]:
    """How many choices that touch an indicator of the claim give its printed verdict, and how many such choices are.

    `frame` is the multiverse. A choice that no indicator of the claim has would agree for nothing.
    """
    keys = [rule["key"] for rule in claims["claims"][claim]["indicators"].values()]
    touches = [
        choice.startswith("thresholds_") or any(f"{key}.{choice}" in estimates for key in keys)
        for choice in frame["choice"]
    ]
    others = frame.loc[touches, claim]
    return int(others.eq(frame[claim].iloc[0]).sum()), len(others)


def draw_indicators(verdicts: Mapping[str, Any], claims: Mapping[str, Any]) -> Figure:
    """Every indicator with its interval against its thresholds: the side for the claim and the side against."""
    judged = [one for claim in verdicts.values() for one in claim["indicators"]]
    figure, axes = figures.new(0.62 * len(judged) + 0.3, rows=len(judged))
    for axis, one in zip(axes[:, 0], judged, strict=True):
        _draw_indicator(axis, one, indicator_rules(claims)[one["id"]])
    return figure


def _draw_indicator(axis: Axes, judged: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    low, high = _limits(judged, rule)
    axis.set_xlim(low, high)
    axis.set_ylim(-1, 1)
    for verdict in (SUPPORTED, CONTRADICTED):
        condition = rule.get(f"{verdict}_when")
        if condition:
            span = (low, condition["below"]) if "below" in condition else (condition["above"], high)
            axis.axvspan(*span, color=figures.PALETTE[COLOURS[verdict]], alpha=0.12, linewidth=0)
    if judged["value"] is None:
        axis.text((low + high) / 2, 0, f"no value: {judged['reason']}", ha="center", va="center", fontsize=7)
    else:
        ends = judged["interval"] or (math.nan, math.nan)
        row = {"value": judged["value"], "low": max(ends[0], low), "high": min(ends[1], high), "colour": "ink"}
        figures.draw_interval(axis, 0, row)
    axis.set_yticks([0], [judged["id"]])
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="x", labelsize=7)
    axis.annotate(
        f"{rule['unit']}; n = {judged['n']}: {judged['verdict']}", (1.01, 0.5), xycoords="axes fraction",
        va="center", fontsize=8, annotation_clip=False,
    )  # fmt: skip


def _limits(judged: Mapping[str, Any], rule: Mapping[str, Any]) -> tuple[float, float]:
    if rule["unit"] == "share":
        return 0.0, 1.0
    if rule["unit"] == "rank score":
        return -1.0, 1.0
    shown = [] if judged["value"] is None else [judged["value"], *(judged["interval"] or ())]
    thresholds = [threshold(condition) for condition in _conditions(rule)]
    points = thresholds + [point for point in shown if math.isfinite(point)]
    low, high = min(points), max(points)
    margin = 0.25 * (high - low) or 0.5
    return (0.0 if "ratio" in rule["unit"] else low - margin), high + margin


def _conditions(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [rule[name] for name in ("supported_when", "contradicted_when") if rule.get(name)]


def draw_multiverse(frame: pd.DataFrame) -> Figure:
    """Claims across, choices down; every cell the verdict as a symbol and a colour, faint where it only leans."""
    claims = [column for column in frame.columns if column not in ("choice", "meaning", "indicators")]
    figure, axes = figures.new(0.5 + 0.27 * len(frame))
    axis = axes[0, 0]
    for row, choice in enumerate(frame.to_dict("records")):
        for column, claim in enumerate(claims):
            _draw_cell(axis, column, row, choice[claim])
    axis.set_xlim(-0.5, len(claims) - 0.5)
    axis.set_ylim(len(frame) - 0.5, -0.5)
    axis.set_xticks(range(len(claims)), claims)
    axis.xaxis.tick_top()
    axis.set_yticks(
        range(len(frame)), frame["meaning"] + [f" ({moved})" if moved else "" for moved in frame["indicators"]]
    )
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    return figure


def _draw_cell(axis: Axes, column: int, row: int, verdict: str) -> None:
    direction = verdict.removeprefix("leaning ")
    faint = 0.3 if verdict.startswith("leaning ") else 0.65
    axis.barh(row, 0.94, left=column - 0.47, height=0.86, color=figures.PALETTE[COLOURS[direction]], alpha=faint)
    symbol = SYMBOLS[direction] if faint > 0.5 else f"({SYMBOLS[direction]})"
    axis.text(column, row, symbol, ha="center", va="center", fontsize=9)


def estimates_table(claims: Mapping[str, Any], estimates: Estimates) -> pd.DataFrame:
    """The printed estimates for a reader: one row an indicator."""
    rows = []
    for name, rule in indicator_rules(claims).items():
        estimate = estimates.get(rule["key"]) or Estimate.missing(rule["unit"], 0, "not recorded")
        shown = {"value": estimate.value, "interval": estimate.interval}
        effective = None if estimate.effective_n is None else f"{estimate.effective_n:.1f}"
        rows.append((name, rule["meaning"], number_in_words(shown), estimate.n, estimate.clusters, effective))
    columns = ["Indicator", "What it measures", "Estimate (interval)", "n", "Clusters", "Effective n"]
    return pd.DataFrame(rows, columns=columns).astype({"Clusters": "Int64"})


def rules_table(claims: Mapping[str, Any]) -> pd.DataFrame:
    """The rules for a reader: one row an indicator."""
    rows = [
        (
            name,
            rule["meaning"],
            rule["table"],
            _condition_in_words(rule.get("supported_when")),
            _condition_in_words(rule.get("contradicted_when")),
            ", ".join(counted(needed, count) for count, needed in rule["minimum"].items()),
            rule["safe_direction"],
        )
        for name, rule in indicator_rules(claims).items()
    ]
    columns = [
        "Indicator",
        "What it measures",
        "Table",
        "Supported when",
        "Contradicted when",
        "Minimum",
        "Safe direction",
    ]
    return pd.DataFrame(rows, columns=columns)


def _condition_in_words(condition: Mapping[str, Any] | None) -> str:
    if condition is None:
        return "no rule"
    side, sign = ("below", "<") if "below" in condition else ("above", ">")
    return f"{condition['bound']}\u00a0{sign}\u00a0{condition[side]:g}"


def verdicts_table(verdicts: Mapping[str, Any]) -> pd.DataFrame:
    """The judged indicators for a reader: claim and its verdict, indicator, estimate, n, verdict, reason."""
    rows = [
        (claim, judged["verdict"], one["id"], number_in_words(one), one["n"], one["verdict"], one["reason"])
        for claim, judged in verdicts.items()
        for one in judged["indicators"]
    ]
    columns = ["Claim", "Verdict on the claim", "Indicator", "Estimate (interval)", "n", "Verdict", "Why not decided"]
    return pd.DataFrame(rows, columns=columns)


def verdict_counts(verdicts: Mapping[str, Any]) -> dict[str, int]:
    """How many claims have each verdict, leaning ones counted apart; every possible verdict is listed."""
    possible = [
        SUPPORTED,
        f"leaning {SUPPORTED}",
        CONTRADICTED,
        f"leaning {CONTRADICTED}",
        MIXED,
        UNDECIDED,
        INSUFFICIENT,
    ]
    given = [judged["verdict"] for judged in verdicts.values()]
    return {verdict: given.count(verdict) for verdict in possible}


def support_table(support: Mapping[str, Any], results: Mapping[str, Any]) -> pd.DataFrame:
    """Remedies and directions for a reader; `results` hold the prevalence without peripheral works."""
    rows = [
        (
            f"{name} {entry['statement']}",
            _share_in_words(entry["prevalence"]),
            _share_in_words(_recorded(results, f"{entry['prevalence']['key']}.no_peripheral")),
            number_in_words(entry["trend"]),
            _share_in_words(entry["coverage"]),
        )
        for name, entry in support.items()
    ]
    columns = ["Remedy or direction", "Literature", "Without peripheral works", "Trend", "Provisions in force"]
    return pd.DataFrame(rows, columns=columns)


def _share_in_words(kept: Mapping[str, Any]) -> str:
    if kept["value"] is None:
        return "no value"
    ends = kept["interval"]
    return f"{kept['value']:.0%} of {kept['n']}" + (f" ({ends[0]:.0%} to {ends[1]:.0%})" if ends else "")


def gaps_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """`what_would_decide` with column names for a reader."""
    names = ["Indicator", "Verdict", "Table", "Further rows", "What would decide it"]
    return gaps.set_axis(names, axis="columns")
