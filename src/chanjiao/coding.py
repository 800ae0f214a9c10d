"""Agreement of the two coding passes, variable by variable, and which indicators hang on a disagreement.

Both passes were machine-assisted and read the same excerpts. Their agreement is consistency, not accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from statsmodels.stats.inter_rater import cohens_kappa

from chanjiao import events, figures, passes
from chanjiao.figures import PALETTE
from chanjiao.statistics import Estimate, Interval, cluster_share, percentile_interval, resample_weights

COEFFICIENTS = ("kappa", "alpha", "ac1")
DRAWS = 2000
NO_WIDTH = "no interval: the passes never differ, or resampled clusters are all alike"
NOT_PAIRED = "no unit is coded in both passes"

# The rule that sorts the variables, set before any AC1 was computed, when the counts of marks and a few kappas were
# known. 0.6 is where Landis and Koch (Biometrics 33 (1977), 159-174) let substantial agreement begin; the lower bound
# must clear it, not the value.
WEAK_BELOW = 0.6
RARE_BELOW = 10  # with fewer marked units (mean of both passes) agreement speaks of absence only

# The coded variables that each indicator rests on.
EVENT_CODES: Mapping[str, Sequence[str]] = {
    "C2.1": ("signed", *events.MARKS),
    "C2.2": ("form", *events.MARKS),
    "C3.1": ("form", "c_curriculum"),
    "C5.1": ("form", *events.MARKS),
    "C5.2": ("c_governance",),
}
CONCRETE = ("s_number", "s_deadline", "s_resource", "s_sanction")
ARTICLE_CODES: Mapping[str, Sequence[str]] = {"concreteness": ("relevance", "modality", *CONCRETE)}


@dataclass(frozen=True)
class Coding:
    """The units of `table` coded in both passes: variables by unit, on one index, and the cluster of each unit.

    `coded_once` holds the keys of the units that one pass alone coded; they say nothing of agreement.
    """

    table: str
    first: pd.DataFrame
    second: pd.DataFrame
    clusters: pd.Series
    coded_once: Sequence[Any] = ()


@dataclass(frozen=True)
class Indicators:
    """Values of indicators by unit under each pass alone, missing where a unit is no part of one.

    `coding` holds the codes of the same units, `codes` names those that each indicator rests on.
    """

    coding: Coding
    first: pd.DataFrame
    second: pd.DataFrame
    codes: Mapping[str, Sequence[str]]


def pair(table: str, units: pd.DataFrame, pass_a: pd.DataFrame, pass_b: pd.DataFrame, key: str, cluster: str) -> Coding:
    """Return both passes of the rows `units` of `table`, aligned on the column `key`, clustered by column `cluster`.

    Units coded in one pass only are left out and named in `coded_once`. Raises passes.UncodedUnitError for a unit that
    neither pass coded.
    """
    twice = passes.coded_twice(units[key], pass_a, pass_b)
    used = units[twice].set_index(key, drop=False)
    first, second = (one.set_index(key).loc[used.index] for one in (pass_a, pass_b))
    return Coding(table, first, second, used[cluster], units.loc[~twice, key].tolist())


def agreements(coding: Coding, confidence: float, seed: int) -> dict[str, dict[str, Estimate]]:
    """Return the measures of `agreement` for every variable of `coding`, by variable."""
    return {name: agreement(coding, name, confidence, seed) for name in map(str, coding.first)}


def agreement(coding: Coding, variable: str, confidence: float, seed: int) -> dict[str, Estimate]:
    """Return how far the passes agree on one variable, and how common its mark is.

    agreement   share of units with the same value; its rows are the units that differ
    kappa       Cohen, Educational and Psychological Measurement 20 (1960), 37-46
    alpha       Krippendorff, Content Analysis (4th ed., 2018), chapter 12, nominal
    ac1         Gwet, British J. Mathematical and Statistical Psychology 61 (2008), 29-48
    prevalence  share of units with the mark, mean of both passes; of 0/1 variables only

    Shares carry Wilson intervals on the effective sample size, coefficients percentile intervals from resampling whole
    clusters. Where the passes never differ a bootstrap has no width: kappa and alpha then have no interval, and AC1
    begins at its value for the lower Wilson bound of the agreement, chance agreement as observed.

    All measures rest on the units coded in both passes. Alpha could take the others in, but with two passes a unit that
    one of them lacks has no pair of values, and pairs are all that alpha counts. Without any unit coded in both every
    measure is missing, with the reason.
    """
    first, second = coding.first[variable], coding.second[variable]
    if first.empty:
        return _not_measured(coding, variable)
    same = first == second
    observed = cluster_share(same.astype(float), coding.clusters, confidence).with_(rows=_rows(coding, ~same))
    found = {"agreement": observed, **_coefficients(coding, variable, observed, confidence, seed)}
    if _is_mark(first):
        found["prevalence"] = cluster_share((first + second).astype(float) / 2, coding.clusters, confidence)
    return found


def _not_measured(coding: Coding, variable: str) -> dict[str, Estimate]:
    reason = f"{coding.table}.csv: {NOT_PAIRED}, so the agreement of the passes cannot be measured"
    shares = ("agreement", "prevalence") if _is_mark(coding.first[variable]) else ("agreement",)
    units = {**dict.fromkeys(shares, "share"), **dict.fromkeys(COEFFICIENTS, "coefficient")}
    return {name: Estimate.missing(unit, 0, reason, clusters=0) for name, unit in units.items()}


def categories(coding: Coding) -> list[str]:
    """Return the variables of `coding` that hold names of categories, not marks of 0 and 1."""
    return [name for name in map(str, coding.first) if not _is_mark(coding.first[name])]


def confusion(first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Return the table of counts: values of the first pass down, of the second across, every value of either."""
    values = _values(first, second)
    counts = pd.crosstab(first, second).reindex(index=values, columns=values, fill_value=0)
    return counts.rename_axis(index="first", columns="second")


def gwet_ac1(table: np.ndarray) -> float:
    """Return Gwet's first-order agreement coefficient of a square table of counts (values x values).

    The values are those that occur: a value that neither pass ever gives is no choice that chance could make.
    """
    return float(_from_tables(table[None])["ac1"][0])


def confusions(coding: Coding) -> pd.DataFrame:
    """Return every pair of different values given to one unit: variable, first, second, units; most frequent first."""
    rows = []
    for name in map(str, coding.first):
        counts = confusion(coding.first[name], coding.second[name])
        for (down, across), units in np.ndenumerate(counts.to_numpy()):
            if down != across and units:
                rows.append((name, str(counts.index[down]), str(counts.columns[across]), int(units)))
    ordered = sorted(rows, key=lambda row: (-row[3], row[:3]))
    return pd.DataFrame(ordered, columns=["variable", "first", "second", "units"])


def standing(measures: Mapping[str, Estimate]) -> str:
    """Return `weak`, `rare` or `usable` for the measures of one variable.

    weak: the interval of AC1 begins below WEAK_BELOW, or there is none. rare: not weak, but under RARE_BELOW units have
    the mark.
    """
    interval = measures["ac1"].interval
    if interval is None or interval[0] < WEAK_BELOW:
        return "weak"
    share = measures["prevalence"].value if "prevalence" in measures else None
    if share is not None and share * measures["prevalence"].n < RARE_BELOW:
        return "rare"
    return "usable"


def differing(share: Estimate) -> int:
    """Return how many units differ behind a share of `agreement` or `hanging`."""
    return sum(len(keys) for keys in share.rows.values())


def summary(found: Mapping[str, Mapping[str, Estimate]]) -> pd.DataFrame:
    """Return one row a variable: variable, n, clusters, differ (units), standing; value, low, high of each measure.

    A measure's columns are named MEASURE, MEASURE_low, MEASURE_high; missing where it is undefined.
    """
    rows = []
    for variable, measures in found.items():
        observed = measures["agreement"]
        row: dict[str, Any] = {"variable": variable, "n": observed.n, "clusters": observed.clusters}
        row |= {"differ": differing(observed), "standing": standing(measures)}
        for name in ("agreement", *COEFFICIENTS, "prevalence"):
            estimate = measures.get(name, Estimate(None))
            low, high = estimate.interval or (np.nan, np.nan)
            value = np.nan if estimate.value is None else estimate.value
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def joined_events(
    cooperation: pd.DataFrame, cooperation_a: pd.DataFrame, cooperation_b: pd.DataFrame, sources: pd.DataFrame
) -> pd.DataFrame:
    """Return the events of `events.events`, indexed by the first event_id of each, from rows coded in both passes.

    A row coded once would be compared with itself. Raises passes.UncodedUnitError for a row that neither pass coded.
    """
    twice = passes.coded_twice(cooperation["event_id"], cooperation_a, cooperation_b)
    frame = events.events(cooperation[twice], cooperation_a, cooperation_b, sources)
    return frame.set_index(frame["rows"].str[0].rename("event_id"))


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of `summary`, with a column `label`, as a reader sees it: two digits, intervals in brackets."""
    shown = pd.DataFrame({"variable": frame["label"], "units": frame["n"], "differ": frame["differ"]})
    for name, title in (("agreement", "agreement"), ("kappa", "kappa"), ("alpha", "alpha"), ("ac1", "AC1")):
        shown[title] = with_interval(frame[name], frame[f"{name}_low"], frame[f"{name}_high"])
    shown["prevalence"] = [f"{share:.2f}" if pd.notna(share) else None for share in frame["prevalence"]]
    return shown


def with_interval(values: pd.Series, lows: pd.Series, highs: pd.Series) -> list[str | None]:
    """Return values with their intervals as text, `0.92 (0.88 to 0.95)`; None where there is no value."""
    cells: list[str | None] = []
    for value, low, high in zip(values, lows, highs, strict=True):
        interval = f" ({low:.2f} to {high:.2f})" if pd.notna(low) else ""
        cells.append(f"{value:.2f}{interval}" if pd.notna(value) else None)
    return cells


def event_indicators(frame: pd.DataFrame) -> Indicators:
    """Return the indicators of EVENT_CODES for the events that `joined_events` gives, clustered by page."""
    codes = ("form", "signed")
    names = [*codes, *events.MARKS]
    first = frame[[*codes, *(f"{mark}_a" for mark in events.MARKS)]].set_axis(names, axis="columns")
    second = frame[[f"{code}_b" for code in names]].set_axis(names, axis="columns")
    coding = Coding("cooperation", first, second, frame["page"])
    return Indicators(coding, event_values(frame, "a"), event_values(frame, "b"), EVENT_CODES)


def event_values(frame: pd.DataFrame, one_pass: events.Passes) -> pd.DataFrame:
    """Return the value of each event in the indicators of EVENT_CODES under one pass, missing where it has no place.

    C2.1: at least three marks, signed events. C2.2 and C5.1: number of marks, bilateral events and events but consortia
    of known size. C3.1: curriculum work, bilateral events. C5.2: joint body, events with several partners.
    """
    depth, bilateral = events.depth(frame, one_pass), events.bilateral(frame, one_pass)
    alone = (events.form(frame, one_pass) != "consortium") & frame["size_class"].notna()
    several = frame["size_class"].ge(1).fillna(False).astype(bool)
    return pd.DataFrame(
        {
            "C2.1": (depth >= 3).astype(float).where(events.signed(frame, one_pass)),
            "C2.2": depth.where(bilateral),
            "C3.1": events.mark(frame, "c_curriculum", one_pass).where(bilateral),
            "C5.1": depth.where(alone),
            "C5.2": events.mark(frame, "c_governance", one_pass).where(several),
        }
    )


def article_indicators(coding: Coding) -> Indicators:
    """Return the indicator of ARTICLE_CODES, the number of marks of concreteness, for coded articles."""
    return Indicators(coding, article_values(coding.first), article_values(coding.second), ARTICLE_CODES)


def article_values(codes: pd.DataFrame) -> pd.DataFrame:
    """Return the number of marks of concreteness (CONCRETE) of each relevant operative article, else missing.

    Operative: relevance 1 and a modality other than declare.
    """
    operative = (codes["relevance"] == 1) & (codes["modality"] != "declare")
    return pd.DataFrame({"concreteness": codes[list(CONCRETE)].sum(axis="columns").astype(float).where(operative)})


def work_indicators(coding: Coding, codes: Mapping[str, Sequence[str]]) -> Indicators:
    """Return for coded works whether each has any of the codes of an indicator, one column an indicator (1 or 0)."""
    first, second = (
        pd.DataFrame({name: marks[list(names)].max(axis="columns") for name, names in codes.items()}).astype(float)
        for marks in (coding.first, coding.second)
    )
    return Indicators(coding, first, second, codes)


def hanging(indicators: Indicators, confidence: float) -> dict[str, Estimate]:
    """Return for every indicator the share of units whose value differs between the passes.

    A unit counts if it is part of the indicator in either pass, and differs also when it is part in one only. The rows
    of an estimate are the differing units.
    """
    found = {}
    for name in indicators.codes:
        first, second = indicators.first[name], indicators.second[name]
        part = first.notna() | second.notna()
        differs = part & (first.fillna(-1) != second.fillna(-1))
        share = cluster_share(differs[part].astype(float), indicators.coding.clusters[part], confidence)
        reason = share.reason and f"no unit of {indicators.coding.table}.csv coded in both passes belongs to {name}"
        found[name] = share.with_(rows=_rows(indicators.coding, differs), reason=reason)
    return found


def hanging_table(indicators: Indicators, shares: Mapping[str, Estimate]) -> pd.DataFrame:
    """Return one row an indicator: indicator, units, part_differs, value_differs, share, low, high, mean_a, mean_b.

    `shares` comes from `hanging`. part_differs counts units that are part of the indicator in one pass only, mean_a and
    mean_b are the mean values under each pass alone.
    """
    rows = []
    for name, share in shares.items():
        first, second = indicators.first[name], indicators.second[name]
        part_differs = int((first.notna() != second.notna()).sum())
        counts = (name, share.n, part_differs, differing(share) - part_differs)
        rows.append((*counts, share.value, *(share.interval or (np.nan, np.nan)), first.mean(), second.mean()))
    names = ["indicator", "units", "part_differs", "value_differs", "share", "low", "high", "mean_a", "mean_b"]
    return pd.DataFrame(rows, columns=names)


def codes_behind(indicators: Indicators) -> pd.DataFrame:
    """Return which codes of each indicator differ on how many of its units: indicator, code, units, differ."""
    rows = []
    for indicator, names in indicators.codes.items():
        part = indicators.first[indicator].notna() | indicators.second[indicator].notna()
        first, second = indicators.coding.first[part], indicators.coding.second[part]
        rows += [(indicator, name, int(part.sum()), int((first[name] != second[name]).sum())) for name in names]
    return pd.DataFrame(rows, columns=["indicator", "code", "units", "differ"])


def draw_agreement(summaries: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw AC1 with its interval and kappa of every variable, one panel a table, with the line of WEAK_BELOW.

    `summaries` maps a panel's title to a frame of `summary` with a further column `label`.
    """
    sizes = [len(frame) for frame in summaries.values()]
    figure, axes = figures.new(1.2 + 0.2 * sum(sizes), rows=len(sizes), sharex=True, height_ratios=sizes)
    for axis, (title, frame) in zip(axes[:, 0], summaries.items(), strict=True):
        _draw_agreement_panel(axis, frame)
        axis.set_title(title)
    axes[-1, 0].set_xlabel(
        "AC1 with interval (blue) and kappa (orange diamond); the interval must clear the dashed line"
    )
    lowest = pd.concat(list(summaries.values()))[["ac1_low", "kappa"]].min().min()
    axes[-1, 0].set_xlim(np.fmin(WEAK_BELOW, np.floor(10 * lowest) / 10) - 0.05, 1.01)
    return figure


def draw_confusions(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw tables of `confusion` side by side, disagreements shaded; `tables` maps a panel's title to its counts."""
    height = -(-len(tables) // 2)
    figure, axes = figures.new(0.4 + 2.7 * height, rows=height, columns=2)
    for axis in axes.flat[len(tables) :]:
        axis.set_axis_off()
    for axis, (title, counts) in zip(axes.flat, tables.items(), strict=False):
        _draw_confusion_panel(axis, counts)
        axis.set_title(title)
    figure.supxlabel("second pass (numbers as in the first)", fontsize=9)
    figure.supylabel("first pass", fontsize=9)
    return figure


def _rows(coding: Coding, chosen: pd.Series) -> dict[str, list[str]]:
    return {coding.table: sorted(map(str, chosen.index[chosen]))}


def _is_mark(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values)


def _values(first: pd.Series, second: pd.Series) -> list[Any]:
    return [0, 1] if _is_mark(first) else sorted(set(first) | set(second))


def _tables(first: pd.Series, second: pd.Series, clusters: pd.Series) -> np.ndarray:
    """One table of counts a cluster, clusters in sorted order: clusters x values x values."""
    values = _values(first, second)
    place = {value: number for number, value in enumerate(values)}
    _, cluster = np.unique(clusters.to_numpy().astype(str), return_inverse=True)
    tables = np.zeros((cluster.max() + 1, len(values), len(values)))
    np.add.at(tables, (cluster, first.map(place).to_numpy(int), second.map(place).to_numpy(int)), 1)
    return tables


def _coefficients(
    coding: Coding, variable: str, observed: Estimate, confidence: float, seed: int
) -> dict[str, Estimate]:
    first, second = coding.first[variable], coding.second[variable]
    tables = _tables(first, second, coding.clusters)
    total = tables.sum(axis=0)
    blank = Estimate(None, n=observed.n, clusters=observed.clusters, unit="coefficient")
    if np.count_nonzero(total.sum(axis=0) + total.sum(axis=1)) < 2:
        reason = f"all {observed.n} units have the same value in both passes, so chance cannot be told apart"
        return {name: blank.with_(reason=reason) for name in COEFFICIENTS}
    drawn = _from_tables(_resampled(tables, seed))
    values = {"kappa": float(cohens_kappa(total, return_results=False)), "alpha": _alpha(first, second)}
    values["ac1"] = gwet_ac1(total)
    intervals = {name: _interval(name, drawn[name], total, observed, confidence) for name in values}
    return {
        name: blank.with_(value=value, interval=intervals[name], reason=None if intervals[name] else NO_WIDTH)
        for name, value in values.items()
    }


def _alpha(first: pd.Series, second: pd.Series) -> float:
    values = _values(first, second)
    units = np.array([[values.index(value) for value in one_pass] for one_pass in (first, second)])
    return float(krippendorff.alpha(reliability_data=units, level_of_measurement="nominal"))


def _resampled(tables: np.ndarray, seed: int) -> np.ndarray:
    return np.tensordot(_weights(len(tables), seed), tables, axes=1)


@cache
def _weights(clusters: int, seed: int) -> np.ndarray:
    """How often each cluster is drawn, draws x clusters; the same for every variable of a table."""
    return resample_weights(clusters, np.random.default_rng(seed), DRAWS)


def _from_tables(tables: np.ndarray) -> dict[str, np.ndarray]:
    """The coefficients of many tables at once (draws x values x values); undefined where chance agreement is 1.

    The packages that give the printed kappa and alpha take one table at a time, too slowly for a bootstrap.
    """
    agreed = np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {name: (agreed - chance) / (1 - chance) for name, chance in _chance(tables).items()}
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}


def _chance(tables: np.ndarray) -> dict[str, np.ndarray]:
    """Agreement expected by chance under each coefficient; all three are (observed - chance) / (1 - chance)."""
    n = tables.sum(axis=(1, 2))[:, None]
    first, second = tables.sum(axis=2) / n, tables.sum(axis=1) / n
    pooled = (first + second) / 2
    return {
        "kappa": (first * second).sum(axis=1),
        "alpha": (pooled * (2 * n * pooled - 1)).sum(axis=1) / (2 * n[:, 0] - 1),
        "ac1": (pooled * (1 - pooled)).sum(axis=1) / (tables.shape[1] - 1),
    }


def _interval(
    name: str, drawn: np.ndarray, total: np.ndarray, observed: Estimate, confidence: float
) -> Interval | None:
    if observed.value != 1 or observed.interval is None:
        return percentile_interval(drawn, confidence)
    chance = float(_chance(total[None])[name][0])
    return (1 - (1 - observed.interval[0]) / (1 - chance), 1.0) if name == "ac1" else None


def _draw_agreement_panel(axis: Axes, frame: pd.DataFrame) -> None:
    if frame["n"].eq(0).all():
        figures.no_data_panel(axis, NOT_PAIRED)
        return
    ordered = frame.sort_values(["ac1", "variable"], ascending=[True, False], ignore_index=True)
    shown = ordered[["ac1", "ac1_low", "ac1_high"]].set_axis(["value", "low", "high"], axis="columns")
    for place, row in enumerate(shown.to_dict("records")):
        figures.draw_interval(axis, place, row)
    axis.plot(ordered["kappa"], ordered.index, "D", markersize=4, markerfacecolor="none", color=PALETTE["orange"])
    axis.axvline(WEAK_BELOW, color=PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axis.set_yticks(ordered.index, ordered["label"])
    axis.set_ylim(-0.7, len(ordered) - 0.3)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x")


def _draw_confusion_panel(axis: Axes, counts: pd.DataFrame) -> None:
    if counts.empty:
        figures.no_data_panel(axis, NOT_PAIRED)
        return
    size, same = len(counts), np.eye(len(counts), dtype=bool)
    shade = np.where(same, 0.0, counts / counts.to_numpy()[~same].max(initial=1))
    axis.imshow(shade, cmap=LinearSegmentedColormap.from_list("differ", ["#ffffff", PALETTE["orange"]]), vmin=0, vmax=1)
    for (down, across), number in np.ndenumerate(counts.to_numpy()):
        if number:
            colour = PALETTE["grey"] if down == across else PALETTE["ink"]
            axis.text(across, down, str(number), ha="center", va="center", fontsize=7, color=colour)
    numbers = [str(place + 1) for place in range(size)]
    names = [str(value).replace("_", " ") for value in counts.index]
    axis.set_yticks(range(size), [f"{name}  {number}" for name, number in zip(names, numbers, strict=True)])
    axis.set_xticks(range(size), numbers)
    axis.tick_params(length=0, labelsize=7)
