"""Room 07: joins the indicators of all rooms, applies the rules, shows how the verdicts move and what would decide."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chanjiao import figures
from chanjiao.bundles import ResultError
from chanjiao.claims import (
    CONTRADICTED,
    INSUFFICIENT,
    MIXED,
    SUPPORTED,
    UNDECIDED,
    away,
    counted,
    indicator_rules,
    judge_claim,
    limits,
    shortfall,
    threshold,
)
from chanjiao.results import read_estimate
from chanjiao.statistics import Estimate

Estimates = dict[str, Estimate | None]
# Variants of the coding passes and of the dates are themselves what `holds_under` asks for.
OWN_VARIANTS = {"pass_a", "pass_b", "both", "either", "earliest", "latest"}
COLOURS = figures.VERDICT_COLOURS
SYMBOLS = {SUPPORTED: "+", CONTRADICTED: "−", MIXED: "±", UNDECIDED: "?", INSUFFICIENT: "·"}


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


def sensitivity(claims: Mapping[str, Any], estimates: Estimates) -> pd.DataFrame:
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

    `frame` is that of `sensitivity`. A choice that no indicator of the claim has would agree for nothing.
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


def draw_sensitivity(frame: pd.DataFrame) -> Figure:
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


def power_table(claims: Mapping[str, Any], estimates: Estimates) -> pd.DataFrame:
    """What each indicator could have found, one row an indicator (see the module `power`).

    Columns: Indicator, What it measures, Thresholds, Estimate (interval), Found below, Found above (the true values
    nearest to the thresholds that would have been found with 80 % power, rounded away from them), Why not found.
    """
    rows = []
    for name, rule in indicator_rules(claims).items():
        estimate = estimates.get(rule["key"]) or Estimate.missing(rule["unit"], 0, "not recorded")
        shown = number_in_words({"value": estimate.value, "interval": estimate.interval})
        ends = {"below": estimate.detectable_below, "above": estimate.detectable_above}
        found = [None if end is None else _decimal(away(end, side == "below")) for side, end in ends.items()]
        thresholds = " and ".join(f"{limit:g}" for limit in sorted(set(limits(rule).values())))
        rows.append((name, rule["meaning"], thresholds, shown, *found, _why_not_found(rule, estimate)))
    columns = ["Indicator", "What it measures", "Thresholds", "Estimate (interval)", "Found below", "Found above"]
    return pd.DataFrame(rows, columns=[*columns, "Why not found"])


def _why_not_found(rule: Mapping[str, Any], estimate: Estimate) -> str | None:
    if lacking := shortfall(rule, estimate):
        return lacking
    if estimate.interval is None or any(map(math.isinf, estimate.interval)):
        return estimate.reason or "the interval is open, so its standard error is unknown"
    ends = {"below": estimate.detectable_below, "above": estimate.detectable_above}
    sides = [side for side in limits(rule) if ends[side] is None]
    return f"no true value {' or '.join(sides)} would have been found" if sides else None


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
