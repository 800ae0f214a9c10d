"""How far a printed estimate can be trusted: single clusters left out, dispersion, and a grade in plain words.

A room says what is left out of what; the grades' rules (`trust`) and the words on each estimator (`methods`) stand in
claims.yaml. A grade speaks of the interval as computed. What was never collected, no diagnostic shows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chanjiao import figures
from chanjiao.claims import Rule, decide, limits, shortfall
from chanjiao.figures import PALETTE
from chanjiao.statistics import TINY, Estimate, Interval

TRUST, CARE, DO_NOT = "trust it", "with care", "do not"
GRADES = (TRUST, CARE, DO_NOT)
WHOLE = "nothing"  # what is left out in the row that holds the estimate on all units
RECORDED = ("influence_low", "influence_high", "influence_changes", "dispersion")  # beside each indicator
AT_LEAST = ("clusters", "coverage")  # checks that ask for a high number; the others ask for a low one
BINS = 90  # columns of dots over the width of a panel
NAME_WIDTH = 52  # of a name printed in a figure, in Latin letters; a Chinese character is as wide as two


# Leaving out


def leave_one_out(estimator: Callable[[pd.DataFrame], Estimate], frame: pd.DataFrame, cluster: str) -> pd.DataFrame:
    """Return the estimate without each cluster of `frame` in turn: cluster, units (left out), value, low, high.

    One row a cluster, sorted by its name; not a number where nothing can be estimated from the rest (Belsley, Kuh and
    Welsch, Regression Diagnostics (1980), chapter 2, with whole clusters as rows).
    """
    codes, names = pd.factorize(frame[cluster], sort=True)
    parts = [frame[codes != code] for code in range(len(names))]
    rows = [(name, len(frame) - len(part), *_numbers(estimator, part)) for name, part in zip(names, parts, strict=True)]
    table = pd.DataFrame(rows, columns=["cluster", "units", "value", "low", "high"])
    return table.astype({"cluster": object, "units": int, "value": float, "low": float, "high": float})


def _numbers(estimator: Callable[[pd.DataFrame], Estimate], frame: pd.DataFrame) -> tuple[float, float, float]:
    if frame.empty:
        return np.nan, np.nan, np.nan
    estimate = estimator(frame)
    return np.nan if estimate.value is None else estimate.value, *(estimate.interval or (np.nan, np.nan))


def deletions(
    indicator: str, estimator: Callable[[pd.DataFrame], Estimate], frame: pd.DataFrame, kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Return an indicator on all units and without each cluster of every kind.

    `kinds` names the column of `frame` that holds the clusters of each kind: {"pages": "page", "colleges": "college"}.
    Columns: indicator, deleted (WHOLE in the first row, then the kind), cluster (empty in the first row), units (left
    out), value, low, high.
    """
    whole = pd.DataFrame([("", 0, *_numbers(estimator, frame))], columns=["cluster", "units", "value", "low", "high"])
    parts = {WHOLE: whole} | {kind: leave_one_out(estimator, frame, column) for kind, column in kinds.items()}
    table = pd.concat([part.assign(deleted=kind) for kind, part in parts.items()], ignore_index=True)
    return table.assign(indicator=indicator)[["indicator", "deleted", *whole.columns]]


@dataclass(frozen=True)
class Influence:
    """What leaving out single clusters does to an indicator.

    low and high span the values that remain, changes counts the deletions with another decision by the interval,
    most names the deletion that moves the value furthest (one that leaves no value moves it further than any) after its
    kind: "pages: …".
    """

    low: float | None
    high: float | None
    changes: int | None
    most: str | None
    deletions: int
    reason: str | None = None

    def results(self, unit: str) -> list[tuple[str, float | int | str | None, str]]:
        """Name, value and unit of each part as a notebook records it beside the indicator in `unit`."""
        return [
            ("influence_low", self.low, unit),
            ("influence_high", self.high, unit),
            ("influence_changes", self.changes, "deletions"),
            ("influence_most", self.most, "name"),
        ]


def influence(table: pd.DataFrame, rule: Rule, names: Mapping[str, str]) -> Influence:
    """Sum up the rows of `deletions` of one indicator.

    `rule` is its entry of claims.yaml, `names` the readable names of clusters that have one. Everything is missing,
    with the reason, where the indicator has no value or there is one cluster only.
    """
    whole, rest = table[table["deleted"] == WHOLE], table[table["deleted"] != WHOLE]
    if whole["value"].isna().all():
        return Influence(None, None, None, None, 0, "the indicator has no value, so there is nothing to leave out")
    if rest["value"].isna().all():
        return Influence(None, None, None, None, len(rest), "without any one cluster there is no value left")
    most = _furthest(table)
    return Influence(
        float(rest["value"].min()),
        float(rest["value"].max()),
        int(_changed(table, rule).sum()),
        f"{most['deleted']}: {names.get(most['cluster'], most['cluster'])}",
        len(rest),
    )


def _furthest(table: pd.DataFrame) -> dict[Any, Any]:
    """The deletion that moves the value furthest; a value that is gone is further away than any other."""
    rest = table[table["deleted"] != WHOLE]
    distances = (rest["value"] - table.loc[table["deleted"] == WHOLE, "value"].item()).abs().fillna(np.inf)
    return rest.iloc[int(distances.to_numpy().argmax())].to_dict()


def _changed(table: pd.DataFrame, rule: Rule) -> pd.Series:
    verdicts = pd.Series([decide(rule, _interval(row)) for row in table.to_dict("records")], index=table.index)
    return verdicts[table["deleted"] != WHOLE] != verdicts[table["deleted"] == WHOLE].item()


def _interval(row: Mapping[Any, Any]) -> Interval | None:
    return None if pd.isna(row["low"]) or pd.isna(row["high"]) else (row["low"], row["high"])


def pearson_dispersion(counts: pd.Series, cells: Sequence[pd.Series]) -> float:
    """Return Pearson's chi squared over its degrees of freedom, counts about the mean of their cell.

    1 if they vary as Poisson's law says, above it if more (McCullagh and Nelder, Generalized Linear Models (2nd ed.,
    1989), section 6.2.3). `cells` are the columns that together name the cell, on the index of `counts`. Cells without
    any count say nothing and are left out; not a number where no cell holds two units.
    """
    groups = counts.groupby(list(cells), dropna=False)
    means = groups.transform("mean")
    told = means > 0
    freedom = int(told.sum()) - counts[told].groupby([cell[told] for cell in cells], dropna=False).ngroups
    return float(((counts - means)[told] ** 2 / means[told]).sum() / freedom) if freedom else math.nan


# The grade


def independent_units(estimate: Estimate, method: Rule) -> int:
    """Return the number of units that the variance takes as independent, on the smaller side of a comparison.

    `method` is the indicator's entry under `methods` of claims.yaml, which says whether these are units or clusters.
    """
    if method["independent"] == "n":
        return estimate.n
    sides = [count for count in (estimate.clusters, estimate.clusters_other) if count is not None]
    return min(sides, default=0)


def trust(
    rule: Rule, method: Rule, estimate: Estimate | None, criteria: Rule, found: Mapping[str, float | None]
) -> tuple[str, str]:
    """Return a grade of GRADES and one sentence that says why.

    `criteria` is the section `trust` of claims.yaml. `found` holds what is known of influence_low, influence_high,
    influence_changes, deletions (how many they are), dispersion, and coverage (the lowest that simulations gave the
    interval). The grade is the worst that any check gives; a check without its numbers is left out.
    """
    lacking = shortfall(rule, estimate)
    if lacking or estimate is None:
        return DO_NOT, f"Do not: {lacking}."
    if estimate.value is None or estimate.interval is None:
        return DO_NOT, f"Do not: {estimate.reason or 'there is no interval'}."
    numbers = {check: number for check, number in _checks(method, estimate, found).items() if number is not None}
    grades = {check: _grade(check, number, criteria[check]) for check, number in numbers.items()}
    worst = max(grades.values(), key=GRADES.index)
    told = [
        _in_words(check, numbers[check], method, found)
        for check, grade in grades.items()
        if worst == TRUST or grade != TRUST
    ]
    return worst, f"{worst.capitalize()}: {'; '.join(told)}."


def _checks(method: Rule, estimate: Estimate, found: Mapping[str, float | None]) -> dict[str, float | None]:
    changes, deletions, dispersion = (found.get(part) for part in ("influence_changes", "deletions", "dispersion"))
    # Only shares of clustered units have a design effect that was estimated.
    clustered = method["independent"] == "clusters" and estimate.unit == "share" and estimate.effective_n
    return {
        "clusters": float(independent_units(estimate, method)),
        "changes": changes / deletions if changes is not None and deletions else None,
        "shift": _shift(estimate, found.get("influence_low"), found.get("influence_high")),
        "design_effect": estimate.n / estimate.effective_n if clustered and estimate.effective_n else None,
        "dispersion": None if dispersion is None else max(dispersion, 1 / max(dispersion, TINY)),
        "coverage": found.get("coverage"),
    }


def _shift(estimate: Estimate, low: float | None, high: float | None) -> float | None:
    """The furthest that a deletion moves the value, in halves of the interval; None with an open interval."""
    if estimate.value is None or estimate.interval is None or low is None or high is None:
        return None
    half = (estimate.interval[1] - estimate.interval[0]) / 2
    return max(estimate.value - low, high - estimate.value) / half if 0 < half < math.inf else None


def _grade(check: str, number: float, bounds: Mapping[str, float]) -> str:
    sign = -1 if check in AT_LEAST else 1
    if sign * number <= sign * bounds["trust"]:
        return TRUST
    return CARE if sign * number <= sign * bounds["care"] else DO_NOT


def _in_words(check: str, number: float, method: Rule, found: Mapping[str, float | None]) -> str:
    if check == "clusters":
        return f"it rests on {_counted(int(number), method)}"
    if check == "changes":
        moved = f"{found['influence_changes']:.0f} of {found['deletions']:.0f} deletions change"
        return f"{moved if number else 'no deletion changes'} the decision by the interval"
    if check == "shift":
        return f"one deletion moves the value by up to {number:.0%} of half the interval"
    if check == "dispersion":
        return f"counts vary {found['dispersion']:.1f} times as much as Poisson's law says"
    return f"{check.replace('_', ' ')} {number:.1f}" if check == "design_effect" else f"simulated coverage {number:.0%}"


def _counted(number: int, method: Rule) -> str:
    """`28 pages`; `units` of the method names one and many."""
    return f"{number} {method['units'][number != 1]}"


# Tables for the reader


def methods_table(rules: Mapping[str, Rule], methods: Mapping[str, Rule]) -> pd.DataFrame:
    """Return one row an indicator: what it estimates and how, its variance, its assumptions, how it fails."""
    rows = [
        (name, *(methods[name][part] for part in ("estimator", "variance", "assumptions", "failure"))) for name in rules
    ]
    return pd.DataFrame(rows, columns=["Indicator", "Estimator", "Variance", "Assumptions", "Failure mode"])


def trust_table(
    claims: Mapping[str, Any],
    rules: Mapping[str, Rule],
    estimates: Mapping[str, Estimate | None],
    recorded: Mapping[str, Any],
    coverage: Mapping[str, float],
) -> pd.DataFrame:
    """Return one row an indicator: what it rests on, its diagnostics, the grade and the sentence.

    `rules` and `estimates` are those of `claims.indicator_rules` and `synthesis.read_estimates`, `recorded` all
    results by key, `coverage` the lowest simulated coverage by indicator where there is one.
    """
    rows = []
    for name, rule in rules.items():
        estimate, method = estimates.get(rule["key"]), claims["methods"][name]
        found = {part: recorded.get(f"{rule['key']}.{part}", {}).get("value") for part in RECORDED}
        found["deletions"] = recorded.get(f"{rule['key']}.influence_changes", {}).get("n")
        grade, why = trust(rule, method, estimate, claims["trust"], {**found, "coverage": coverage.get(name)})
        units = 0 if estimate is None else independent_units(estimate, method)
        known = found["influence_low"] is not None
        span = f"{found['influence_low']:.2f} to {found['influence_high']:.2f}" if known else None
        moved = f"{found['influence_changes']} of {found['deletions']}" if known else None
        rows.append((name, _counted(units, method), span, moved, grade, why))
    columns = ["Indicator", "Rests on", "Without one cluster", "Decision changes", "Trust", "Why"]
    return pd.DataFrame(rows, columns=columns)


# Drawing


def draw_influence(table: pd.DataFrame, rules: Mapping[str, Rule], names: Mapping[str, str]) -> Figure:
    """Draw the rows of `deletions` of several indicators: a panel each, a dot a deletion, against the thresholds.

    The line on top is the estimate on all units with its interval. Orange dots are deletions that change the decision
    by the interval; the deletion that moves the value furthest is named.
    """
    whole = table[table["deleted"] == WHOLE]
    if whole["value"].isna().all():
        return figures.no_data("no indicator of this chapter has a value for the province")
    parts = {str(name): part.reset_index(drop=True) for name, part in table.groupby("indicator", sort=True)}
    known = {name: part["value"].notna().any() for name, part in parts.items()}
    heights = [1.15 + 0.36 * part["deleted"].nunique() if known[name] else 0.6 for name, part in parts.items()]
    figure, axes = figures.new(sum(heights), rows=len(parts), height_ratios=heights)
    for axis, (name, part) in zip(axes[:, 0], parts.items(), strict=True):
        _draw_panel(axis, name, part, rules[name], names)
    return figure


def _draw_panel(axis: Axes, name: str, table: pd.DataFrame, rule: Rule, names: Mapping[str, str]) -> None:
    axis.set_title(f"{name} {rule['meaning']}", fontsize=8.5, wrap=True)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    if table.loc[table["deleted"] == WHOLE, "value"].isna().all():
        axis.set_axis_off()
        axis.text(0, 0.5, "no value for this province", transform=axis.transAxes, color=PALETTE["grey"], va="center")
        return
    span = _span(table, rule)
    kinds = [kind for kind in table["deleted"].unique() if kind != WHOLE]
    axis.set(xlim=span, ylim=(-len(kinds) - 1.5, 0.55), xlabel=rule["unit"])
    axis.xaxis.labelpad = 1
    for limit in limits(rule).values():
        axis.axvline(limit, color=PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    _draw_whole(axis, table.iloc[0].to_dict(), span)
    changed = _changed(table, rule)
    for place, kind in enumerate(kinds, start=1):
        _draw_strip(axis, -place, table[table["deleted"] == kind], changed, span)
    _draw_furthest(axis, -len(kinds) - 1, _furthest(table), names)
    ticks = [f"without one of {(table['deleted'] == kind).sum()} {kind}" for kind in kinds]
    axis.set_yticks(range(0, -len(kinds) - 2, -1), ["as printed", *ticks, "moves it furthest"])
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _span(table: pd.DataFrame, rule: Rule) -> Interval:
    points = table["value"].tolist() + table.loc[table["deleted"] == WHOLE, ["low", "high"]].to_numpy().ravel().tolist()
    points += limits(rule).values()
    known = [point for point in points if math.isfinite(point)]
    margin = 0.06 * (max(known) - min(known)) or 0.5
    return min(known) - margin, max(known) + margin


def _draw_whole(axis: Axes, row: Mapping[Any, Any], span: Interval) -> None:
    # An open end is drawn as far as the panel goes.
    low, high = max(row["low"], span[0]), min(row["high"], span[1])
    figures.draw_interval(axis, 0, {"value": row["value"], "low": low, "high": high, "colour": "ink"})


def _draw_strip(axis: Axes, place: int, strip: pd.DataFrame, changed: pd.Series, span: Interval) -> None:
    known = strip[strip["value"].notna()]
    colours = [PALETTE["orange" if changed[row] else "blue"] for row in known.index]
    offsets = _stacked(known["value"].to_numpy(float), span)
    axis.scatter(known["value"], place + offsets, s=11, color=colours, linewidth=0, alpha=0.75, zorder=3)
    moved = int(changed[strip.index].sum())
    axis.annotate(
        f"{moved or 'none'} change{'' if moved > 1 else 's'}\nthe decision", (1, place),
        xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7,
        color=PALETTE["orange" if moved else "grey"], annotation_clip=False,
    )  # fmt: skip


def _stacked(values: np.ndarray, span: Interval) -> np.ndarray:
    """Offsets that stack dots of about the same value around the line, within 0.36 of it."""
    columns = np.floor((values - span[0]) / (span[1] - span[0]) * BINS)
    rank = pd.Series(columns).groupby(columns).cumcount().to_numpy()
    size = pd.Series(columns).groupby(columns).transform("size").to_numpy()
    step = np.minimum(0.16, 0.72 / np.maximum(size - 1, 1))
    return (rank - (size - 1) / 2) * step


def _shortened(name: str, room: float) -> str:
    """The name cut to what fits beside a dot that leaves this part of the panel free."""
    width = min(NAME_WIDTH, int(70 * room) - 10)
    # Chinese characters are twice as wide.
    width = width // 2 if any(character > "\u2e7f" for character in name) else width
    return name if len(name) <= width else name[:width].rstrip() + "…"


def _draw_furthest(axis: Axes, place: int, most: Mapping[Any, Any], names: Mapping[str, str]) -> None:
    low, high = axis.get_xlim()
    place_in_panel = 0.5 if pd.isna(most["value"]) else (most["value"] - low) / (high - low)
    short = _shortened(names.get(most["cluster"], most["cluster"]), max(place_in_panel, 1 - place_in_panel))
    if pd.isna(most["value"]):
        axis.text((low + high) / 2, place, f"without {short} no value is left", fontsize=7.5, ha="center", va="center")
        return
    right = most["value"] < (low + high) / 2
    axis.scatter([most["value"]], [place], s=11, color=PALETTE["ink"], linewidth=0)
    axis.annotate(
        f"without {short}", (most["value"], place), xytext=(6 if right else -6, 0), textcoords="offset points",
        fontsize=7.5, ha="left" if right else "right", va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )  # fmt: skip
