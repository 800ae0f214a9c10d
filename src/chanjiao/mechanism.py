"""Are agreements between colleges and firms more than signatures? The depth of school-enterprise events (C2, C5).

Depth is the number of nine marks of concreteness. Works on the frame of `events.events`; events cluster by page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy import stats

from chanjiao import diagnostics, events, figures, multiverse, regression
from chanjiao.bias import bias_surface, corrected_shares, shares_of_counts, tipping_sensitivity, true_counts
from chanjiao.claims import SUPPORTED, Rule, decide
from chanjiao.diagnostics import pearson_dispersion
from chanjiao.events import MARKS, READ_ALIKE, SAMPLE, Reading
from chanjiao.multiverse import Combination, Correct, Evaluate, remembered
from chanjiao.rowflow import RowFlow
from chanjiao.statistics import (
    TINY,
    Estimate,
    cluster_share,
    stratified_ratio,
    stratified_ratios,
    wilson,
    within_slope,
    within_slopes,
)

DEEP = 3  # marks from which an agreement counts as concrete
JOINT_BODY = "c_governance"
STRATA = ["form", "dated"]  # within which the depth of two sides is compared
CLUSTERS = {"pages": "page", "colleges": "college"}  # left out one by one, by the column that names them
INFLUENCE_DRAWS = 400  # enough for the intervals of a figure with a dot a deletion; values need no draws
COUNTED = {"n": "events", "clusters": "pages", "n_other": "events elsewhere", "clusters_other": "pages elsewhere"}


# Which events an indicator rests on


def signed_events(reading: Reading, province: str) -> RowFlow:
    """Return the flow to the province's signed agreements, of whatever form (C2.1)."""
    flow = _of_province(reading, province, "events for C2.1")
    flow.keep(events.signed(flow.frame, reading.passes), "no signed agreement visible")
    return flow


def bilateral_events(reading: Reading, province: str) -> RowFlow:
    """Return the flow to the bilateral events, of all provinces, that have a counterpart (C2.2).

    A counterpart is an event of the same form and dating on the other side: the province, or the other provinces.
    """
    flow = RowFlow("events for C2.2", reading.frame)
    flow.keep(events.bilateral(flow.frame, reading.passes), "consortium, donation or other form")
    strata = [events.form(flow.frame, reading.passes), flow.frame["dated"]]
    sides = (flow.frame["province_code"] == province).groupby(strata).transform("nunique")
    flow.keep(sides == 2, "no event of this form and dating on the other side")
    return flow


def sized_events(reading: Reading, province: str) -> RowFlow:
    """Return the flow to the province's events with a known size class, in forms of several classes (C5.1)."""
    flow = _of_province(reading, province, "events for C5.1")
    flow.keep(events.form(flow.frame, reading.passes) != "consortium", "consortium")
    flow.keep(flow.frame["size_class"].notna(), "number of partners unknown")
    classes = flow.frame.groupby(events.form(flow.frame, reading.passes))["size_class"].transform("nunique")
    flow.keep(classes > 1, "all events of this form in one size class")
    return flow


def events_of_several(reading: Reading, province: str) -> RowFlow:
    """Return the flow to the province's events with two partners or more (C5.2)."""
    flow = _of_province(reading, province, "events for C5.2")
    flow.keep(flow.frame["size_class"].notna(), "number of partners unknown")
    flow.keep(flow.frame["size_class"] > 0, "one partner")
    return flow


def joined_rows(cooperation: pd.DataFrame, province: str) -> RowFlow:
    """Return the flow from the rows of `cooperation.csv` to the province's events."""
    flow = RowFlow("cooperation", cooperation)
    flow.keep(cooperation["province_code"] == province, "other province")
    flow.keep(~flow.frame["event_group"].duplicated(), "the same event told of another college")
    return flow


def _of_province(reading: Reading, province: str, table: str) -> RowFlow:
    flow = RowFlow(table, reading.frame)
    flow.keep(reading.frame["province_code"] == province, "other province")
    return flow


# The indicators


def deep_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C2.1, the share of signed agreements with at least three marks, mean over the passes.

    `rule` is the indicator's entry of claims.yaml. Without such events the estimate is missing and says why.
    """
    used = signed_events(reading, province).frame
    return _share(used, events.at_least(used, DEEP, reading.passes), reading, confidence, rule, province)


def deep_share_tipping(reading: Reading, province: str, confidence: float, rule: Rule) -> float | None:
    """Return the sensitivity per mark at which C2.1 is no longer supported; None if it is not supported as it is."""
    used = signed_events(reading, province).frame
    return _tipping(_passes(used, MARKS), DEEP, used[reading.cluster], confidence, rule)


def joint_body_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C5.2, the share of events with several partners that have a joint body, mean over the passes."""
    used = events_of_several(reading, province).frame
    return _share(used, events.mark(used, JOINT_BODY, reading.passes), reading, confidence, rule, province)


def joint_body_tipping(reading: Reading, province: str, confidence: float, rule: Rule) -> float | None:
    """Return the sensitivity of the mark at which C5.2 is no longer supported; None if it is not as it is."""
    used = events_of_several(reading, province).frame
    return _tipping(_passes(used, [JOINT_BODY]), 1, used[reading.cluster], confidence, rule)


def relative_depth(
    reading: Reading, province: str, confidence: float, rule: Rule, seed: int, draws: int = 2000
) -> Estimate:
    """Return C2.2, the mean depth of the province's bilateral events over that of the other provinces.

    Within form and dated or undated, by Mantel-Haenszel weights (see `statistics.stratified_ratio`).
    """
    frame = compared_events(reading, province)
    if frame.empty:
        return _missing(0, province, rule)
    ratio = stratified_ratio(frame, "depth", "side", STRATA, reading.cluster, confidence, seed, draws)
    return ratio.with_(unit=rule["unit"], rows=_rows(frame))


def compared_events(reading: Reading, province: str) -> pd.DataFrame:
    """Return the events of C2.2 with their depth and form under the reading, and side (1 the province, 0 others)."""
    used = bilateral_events(reading, province).frame
    return used.assign(
        depth=events.depth(used, reading.passes),
        form=events.form(used, reading.passes),
        side=(used["province_code"] == province).astype(int),
    )


def class_trend(
    reading: Reading, province: str, confidence: float, rule: Rule, seed: int, draws: int = 2000
) -> Estimate:
    """Return C5.1, the slope of depth on the partner size class (0, 1, 2) within form, consortia excluded.

    Least squares with a fixed effect per form, because three classes bear no more than a line; CR2 errors by page (see
    `statistics.within_slope`). The p value permutes the size class between pages of a form.
    """
    frame = classed_events(reading, province)
    if frame.empty:
        return _missing(0, province, rule)
    trend = within_slope(frame, "size_class", "depth", "form", reading.cluster, confidence, rule["unit"])
    if trend.value is not None:
        trend = trend.with_(p_value=_trend_p(frame, reading.cluster, np.random.default_rng(seed), draws))
    return trend.with_(rows=_rows(frame))


def classed_events(reading: Reading, province: str) -> pd.DataFrame:
    """Return the events of C5.1 with their depth and form under the reading, and the size class as a number."""
    used = sized_events(reading, province).frame
    return used.assign(
        depth=events.depth(used, reading.passes),
        form=events.form(used, reading.passes),
        size_class=used["size_class"].astype(float),
    )


def variants(indicator: Callable[..., Estimate], readings: Mapping[str, Reading], *options: Any) -> dict[str, Estimate]:
    """Return the indicator under every reading; `options` are its further arguments (province, confidence, …)."""
    return {name: indicator(reading, *options) for name, reading in readings.items()}


def _trend_p(used: pd.DataFrame, cluster: str, rng: np.random.Generator, draws: int) -> float:
    inner = used[["size_class", "depth"]] - used.groupby("form")[["size_class", "depth"]].transform("mean")
    form, _ = pd.factorize(used["form"], sort=True)
    frame = inner.set_axis(["x", "y"], axis="columns").assign(form=form, cluster=used[cluster])
    units = frame.groupby("cluster", sort=True).agg(x=("x", "mean"), y=("y", "sum"), form=("form", "min"))
    observed = abs((units["x"] * units["y"]).sum())
    simulated = np.zeros(draws)
    for _, block in units.groupby("form", sort=True):
        shuffled = rng.permuted(np.tile(block["x"].to_numpy(), (draws, 1)), axis=1)
        simulated += shuffled @ block["y"].to_numpy()
    return float((1 + (np.abs(simulated) >= observed - 1e-9).sum()) / (draws + 1))


def _share(
    used: pd.DataFrame, marked: pd.Series, reading: Reading, confidence: float, rule: Rule, province: str
) -> Estimate:
    if used.empty:
        return _missing(0, province, rule)
    return cluster_share(marked, used[reading.cluster], confidence, rule["unit"]).with_(rows=_rows(used))


def _tipping(
    passes: Sequence[pd.DataFrame], number: int, clusters: pd.Series, confidence: float, rule: Rule
) -> float | None:
    def supported(estimate: Estimate) -> bool:
        return decide(rule, estimate.interval) == SUPPORTED

    # At full sensitivity nothing is corrected: a verdict that does not hold even there has no tipping point.
    if clusters.empty or (tipping := tipping_sensitivity(passes, number, clusters, confidence, supported)) == 1:
        return None
    return tipping


def _passes(frame: pd.DataFrame, names: Sequence[str]) -> list[pd.DataFrame]:
    return [frame[[f"{name}_{one_pass}" for name in names]].astype(float) for one_pass in "ab"]


def _missing(n: int, province: str, rule: Rule) -> Estimate:
    needed = " and ".join(f"{least} {COUNTED[count]}" for count, least in rule["minimum"].items())
    reason = f"cooperation.csv has {n} events of province {province} for this indicator, the rule needs {needed}"
    return Estimate.missing(rule["unit"], n, reason, clusters=0)


def _rows(frame: pd.DataFrame) -> dict[str, list[str]]:
    return {"cooperation": sorted({row for rows in frame["rows"] for row in rows})}


# The multiverse

LEVELS = {
    "forms": ("any", "bilateral"),
    "depth": ("3", "2", "4"),
    "scale": ("marks", "root"),
    "classes": ("three", "two"),
}


def specifications(
    frames: Mapping[str, pd.DataFrame], province: str, confidence: float, claims: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Return the four indicators under every combination of the choices in claims.yaml (`multiverse.specifications`).

    `frames` holds the events as `event` and the single rows as `row` (see `events.chosen`), `claims` is claims.yaml.
    """
    slim = {unit: _with_depths(frame) for unit, frame in frames.items()}
    evaluated: dict[str, tuple[Evaluate, Correct | None]] = {
        "C2.1": _deep_by_choice(slim, province, confidence),
        "C2.2": (_ratio_by_choice(slim, province, confidence, seed), None),
        "C5.1": (_trend_by_choice(slim, province, confidence), None),
        "C5.2": _joint_body_by_choice(slim, province, confidence),
    }
    known = {**events.LEVELS, **LEVELS}
    tables = [
        multiverse.specifications(claims, name, estimate, known, confidence, corrected)
        for name, (estimate, corrected) in evaluated.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _with_depths(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the four indicators need, marks as plain numbers, and depth by the codes it rests on."""
    columns = ["province_code", "page", "college", "form", "form_b", "signed", "signed_b", "official", "body"]
    marks = frame[[f"{name}_{one_pass}" for name in MARKS for one_pass in "ab"]].astype(float)
    depths = {f"depth_{codes}": events.depth(frame, codes) for codes in get_args(events.Passes)}
    return pd.concat([frame[[*columns, "dated", "size_class"]], marks, pd.DataFrame(depths)], axis="columns")


def _events_by_choice(
    flow: Callable[[Reading, str], RowFlow], frames: Mapping[str, pd.DataFrame], province: str
) -> Callable[[Combination], pd.DataFrame]:
    """The events of a flow under a combination."""
    found = remembered(lambda choice: flow(events.chosen(frames, choice), province).frame, *SAMPLE)
    return lambda choice: found(events.categories(choice))


def _passes_of(choice: Combination) -> events.Passes:
    return cast(events.Passes, choice["codes"])


def _deep_by_choice(frames: Mapping[str, pd.DataFrame], province: str, confidence: float) -> tuple[Evaluate, Correct]:
    signed = _events_by_choice(signed_events, frames, province)

    def chosen_forms(choice: Combination) -> pd.DataFrame:
        used = signed(choice)
        return used if choice["forms"] == "any" else used[events.bilateral(used, _passes_of(choice))]

    agreements = remembered(chosen_forms, *SAMPLE, "forms")
    counts = remembered(
        lambda choice: true_counts(events.coded(agreements(choice), MARKS, _passes_of(choice))), *SAMPLE, "forms"
    )

    def estimate(choice: Combination) -> Estimate:
        used = agreements(choice)
        depths = [f"depth_{one}" for one in ("a", "b")] if choice["codes"] == "mean" else [f"depth_{choice['codes']}"]
        deep = (used[depths] >= int(choice["depth"])).mean(axis="columns")
        return cluster_share(deep, used[choice["clustering"]], confidence)

    def corrected(choice: Combination) -> Mapping[float, Estimate]:
        clusters = agreements(choice)[choice["clustering"]]
        return shares_of_counts(counts(choice), int(choice["depth"]), clusters, confidence)

    factors = (*SAMPLE, "clustering", "forms", "depth")
    return remembered(estimate, *factors), remembered(corrected, *factors)


def _joint_body_by_choice(
    frames: Mapping[str, pd.DataFrame], province: str, confidence: float
) -> tuple[Evaluate, Correct]:
    several = _events_by_choice(events_of_several, frames, province)

    def estimate(choice: Combination) -> Estimate:
        used = several(choice)
        return cluster_share(events.mark(used, JOINT_BODY, _passes_of(choice)), used[choice["clustering"]], confidence)

    def corrected(choice: Combination) -> Mapping[float, Estimate]:
        used = several(choice)
        marks = events.coded(used, [JOINT_BODY], _passes_of(choice))
        return corrected_shares(marks, 1, used[choice["clustering"]], confidence)

    factors = (*SAMPLE, "clustering")
    return remembered(estimate, *factors), remembered(corrected, *factors)


def _ratio_by_choice(frames: Mapping[str, pd.DataFrame], province: str, confidence: float, seed: int) -> Evaluate:
    bilateral = _events_by_choice(bilateral_events, frames, province)

    def ratios(choice: Combination) -> dict[str, Estimate]:
        """By codes: those that read the same events share their resamples."""
        used, codes = bilateral(choice), READ_ALIKE if choice["codes"] in READ_ALIKE else ("b",)
        side = (used["province_code"] == province).astype(int)
        frame = used.assign(form=events.form(used, _passes_of(choice)), side=side)
        depths = [f"depth_{one}" for one in codes]
        return stratified_ratios(frame, depths, "side", STRATA, choice["clustering"], confidence, seed)

    of_all_codes = remembered(ratios, *SAMPLE, "clustering")
    return lambda choice: of_all_codes(events.categories(choice))[f"depth_{choice['codes']}"]


def _trend_by_choice(frames: Mapping[str, pd.DataFrame], province: str, confidence: float) -> Evaluate:
    sized = _events_by_choice(sized_events, frames, province)

    def trends(choice: Combination) -> dict[str, Estimate]:
        """By codes and scale: those that read the same events share what depends on the size class alone."""
        used, codes = sized(choice), READ_ALIKE if choice["codes"] in READ_ALIKE else ("b",)
        size = used["size_class"].astype(float)
        depths = {f"{one} marks": used[f"depth_{one}"] for one in codes}
        depths |= {f"{one} root": np.sqrt(used[f"depth_{one}"]) for one in codes}
        frame = pd.DataFrame(depths).assign(
            size_class={"three": size, "two": size.clip(upper=1)}[choice["classes"]],
            form=events.form(used, _passes_of(choice)),
            cluster=used[choice["clustering"]],
        )
        return within_slopes(frame, "size_class", list(depths), "form", "cluster", confidence)

    of_all_codes = remembered(trends, *SAMPLE, "clustering", "classes")
    return lambda choice: of_all_codes(events.categories(choice))[f"{choice['codes']} {choice['scale']}"]


# Diagnostics


def deletions(reading: Reading, province: str, confidence: float, seed: int) -> pd.DataFrame:
    """Return the four indicators without each page and each college in turn; see `diagnostics.deletions`."""

    def share(part: pd.DataFrame) -> Estimate:
        return cluster_share(part["marked"], part[reading.cluster], confidence)

    def ratio(part: pd.DataFrame) -> Estimate:
        # No p values are shown, so nothing need be permuted.
        options = (reading.cluster, confidence, seed, INFLUENCE_DRAWS)
        return stratified_ratios(part, ["depth"], "side", STRATA, *options)["depth"]

    def slope(part: pd.DataFrame) -> Estimate:
        return within_slope(part, "size_class", "depth", "form", reading.cluster, confidence)

    signed, several = signed_events(reading, province).frame, events_of_several(reading, province).frame
    parts = {
        "C2.1": (share, signed.assign(marked=events.at_least(signed, DEEP, reading.passes)), ["marked"]),
        "C2.2": (ratio, compared_events(reading, province), [*STRATA, "side", "depth"]),
        "C5.1": (slope, classed_events(reading, province), ["form", "size_class", "depth"]),
        "C5.2": (share, several.assign(marked=events.mark(several, JOINT_BODY, reading.passes)), ["marked"]),
    }
    tables = [
        diagnostics.deletions(name, estimator, frame[[*CLUSTERS.values(), *columns]], CLUSTERS)
        for name, (estimator, frame, columns) in parts.items()
    ]
    return pd.concat(tables, ignore_index=True)


def dispersions(reading: Reading, province: str) -> dict[str, Estimate]:
    """Return the variance of depth over the variance by Poisson's law, within strata: C2.2 and C5.1.

    About the log-linear model of `count_model` for C2.2, about the mean of each form and size class for C5.1.
    """
    compared, classed = compared_events(reading, province), classed_events(reading, province)
    found = {
        "C2.2": (regression.dispersion(compared, "depth", "side", STRATA), compared),
        "C5.1": (pearson_dispersion(classed["depth"], [classed["form"], classed["size_class"]]), classed),
    }
    reason = "cooperation.csv has too few events of the province with marks to compare within form"
    return {
        name: Estimate.missing("ratio", len(frame), reason)
        if np.isnan(value)
        else Estimate(value, n=len(frame), clusters=frame[reading.cluster].nunique(), unit="ratio")
        for name, (value, frame) in found.items()
    }


def count_model(reading: Reading, province: str, confidence: float) -> Estimate:
    """Return the ratio of C2.2 from a log-linear model of counts instead, as a check (see `regression.count_ratio`)."""
    frame = compared_events(reading, province)
    return regression.count_ratio(frame, "depth", "side", STRATA, reading.cluster, confidence)


def naive_estimates(
    printed: Mapping[str, Estimate],
    reading: Reading,
    province: str,
    confidence: float,
    rules: Mapping[str, Rule],
    seed: int,
) -> dict[str, Estimate]:
    """Return the four indicators as if no two events shared a page, to show what clustering costs.

    Shares carry Wilson's interval on the number of events; for ratio and trend every event is a cluster of its own.
    """
    alone = Reading(reading.frame, reading.passes, "event")
    return {
        "C2.1": _plain_wilson(printed["C2.1"], confidence),
        "C2.2": relative_depth(alone, province, confidence, rules["C2.2"], seed),
        "C5.1": class_trend(alone, province, confidence, rules["C5.1"], seed),
        "C5.2": _plain_wilson(printed["C5.2"], confidence),
    }


def _plain_wilson(share: Estimate, confidence: float) -> Estimate:
    if share.value is None:
        return share
    return share.with_(interval=wilson(share.value * share.n, share.n, confidence), effective_n=None)


def naive_table(printed: Mapping[str, Estimate], naive: Mapping[str, Estimate]) -> pd.DataFrame:
    """Return one row an indicator: events, pages, design effect, both intervals and the ratio of their widths.

    The design effect is estimated for shares only; the other intervals take pages as units from the start.
    """
    rows = []
    for name, honest in printed.items():
        spans = [one.interval or (np.nan, np.nan) for one in (naive[name], honest)]
        wider = (spans[1][1] - spans[1][0]) / (spans[0][1] - spans[0][0])
        effect = honest.n / honest.effective_n if honest.unit == "share" and honest.effective_n else np.nan
        shown = [f"{low:.2f} to {high:.2f}" if low == low else "–" for low, high in spans]
        rows.append((name, honest.n, honest.clusters, _two_digits(effect), *shown, _two_digits(wider)))
    columns = ["Indicator", "Events", "Pages", "Design effect", "As if independent", "As printed", "Times as wide"]
    return pd.DataFrame(rows, columns=columns)


def _two_digits(number: float) -> str:
    return "–" if np.isnan(number) else f"{number:.2f}"


# Description


def naive_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C2.1 as if no two events shared a page: the plain Wilson interval, to show what clustering costs."""
    return _plain_wilson(deep_share(reading, province, confidence, rule), confidence)


def bilateral_deep_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C2.1 for signed agreements of bilateral form only."""
    only = reading.frame[events.bilateral(reading.frame, reading.passes)]
    return deep_share(Reading(only, reading.passes, reading.cluster), province, confidence, rule)


def phrase_share(frame: pd.DataFrame, confidence: float) -> Estimate:
    """Return the share of events told in phrases only, mean over the passes, clustered by page."""
    if frame.empty:
        return Estimate.missing("share", 0, "cooperation.csv has 0 events of the province", clusters=0)
    phrases = (frame["phrase_only"] + frame["phrase_only_b"]).astype(float) / 2
    return cluster_share(phrases, frame["page"], confidence).with_(rows=_rows(frame))


def mark_shares(frame: pd.DataFrame, confidence: float) -> dict[str, Estimate]:
    """Return the share of events with each mark, mean over the passes, clustered by page; by name without `c_`."""
    if frame.empty:
        missing = Estimate.missing("share", 0, "cooperation.csv has 0 events of the province", clusters=0)
        return {name.removeprefix("c_"): missing for name in MARKS}
    return {
        name.removeprefix("c_"): cluster_share(events.mark(frame, name), frame["page"], confidence) for name in MARKS
    }


def mean_depth(frame: pd.DataFrame, confidence: float) -> Estimate:
    """Return the mean number of marks of the events in `frame`, mean over the passes, clustered by page."""
    if frame.empty:
        return Estimate.missing("marks", 0, "cooperation.csv has 0 events of the province", clusters=0)
    mean, low, high, n, clusters = clustered_mean(events.depth(frame), frame["page"], confidence)
    if np.isnan(low):
        reason = f"the mean has no interval: the events lie on {clusters} pages, or all pages have the same mean"
        return Estimate(mean, None, n, clusters, unit="marks", reason=reason)
    return Estimate(mean, (low, high), n, clusters, unit="marks")


def concreteness_curve(reading: Reading, province: str, confidence: float) -> pd.DataFrame:
    """Return the share of signed agreements with at least k marks: marks, value, low, high, n, clusters."""
    used = signed_events(reading, province).frame
    deepest = used[["depth_a", "depth_b"]].to_numpy(int).max(initial=DEEP) if len(used) else 0
    shares = {
        number: cluster_share(events.at_least(used, number, reading.passes), used[reading.cluster], confidence)
        for number in range(1, deepest + 1)
    }
    rows = [(number, share.value, *(share.interval or ()), share.n, share.clusters) for number, share in shares.items()]
    return _six_digits(pd.DataFrame(rows, columns=["marks", "value", "low", "high", "n", "clusters"]))


def depth_distribution(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of events of each depth, mean over the passes: depth (0 to 9), share."""
    counts = [
        frame[f"depth_{one_pass}"].value_counts().reindex(range(len(MARKS) + 1), fill_value=0) for one_pass in "ab"
    ]
    share = (counts[0] + counts[1]).astype(float) / max(2 * len(frame), 1)
    return _six_digits(share.rename_axis("depth").reset_index(name="share"))


def marks_by_form(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how often each mark occurs in each form: form, mark, share, n.

    Shares are means over the passes; the commonest form comes first.
    """
    by_form = events.marks(frame).groupby(frame["form"])
    table = by_form.mean().reset_index().melt("form", var_name="mark", value_name="share")
    table["n"] = table["form"].map(by_form.size())
    return _six_digits(table.sort_values(["n", "form"], ascending=[False, True], kind="stable", ignore_index=True))


def depth_by_form(frame: pd.DataFrame, province: str, confidence: float) -> pd.DataFrame:
    """Return the mean depth of each form: form, side (1 province, 0 elsewhere), value, low, high, n, clusters.

    Forms of the province only, commonest first; for the interval see `clustered_mean`.
    """
    here = frame["province_code"] == province
    order = frame[here]["form"].value_counts().sort_index().sort_values(ascending=False, kind="stable").index
    rows = [
        (form, side, *clustered_mean(events.depth(part), part["page"], confidence))
        for form in order
        for side in (1, 0)
        if len(part := frame[(frame["form"] == form) & (here == bool(side))])
    ]
    return _six_digits(pd.DataFrame(rows, columns=["form", "side", "value", "low", "high", "n", "clusters"]))


def by_size_class(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return depth (marks, consortia excluded) and joint bodies (share) by size class.

    Columns: measure (depth or joint body), size_class, value, low, high, n, clusters.
    """
    plain = frame[frame["form"] != "consortium"]
    measures = {"depth": (plain, events.depth(plain)), "joint body": (frame, events.mark(frame, JOINT_BODY))}
    rows = [
        (measure, size, *_in_class(measure, values[chosen], part[chosen]["page"], confidence))
        for measure, (part, values) in measures.items()
        for size in range(3)
        if (chosen := part["size_class"].eq(size).fillna(False).astype(bool)).any()
    ]
    return _six_digits(pd.DataFrame(rows, columns=["measure", "size_class", "value", "low", "high", "n", "clusters"]))


def depth_by_year(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the mean depth of dated events by year: year, value, low, high, n, clusters."""
    dated = frame[frame["dated"]]
    years = dated["event_date"].str[:4].astype(int)
    rows = [
        (year, *clustered_mean(events.depth(part), part["page"], confidence)) for year, part in dated.groupby(years)
    ]
    return _six_digits(pd.DataFrame(rows, columns=["year", "value", "low", "high", "n", "clusters"]))


def stated_figures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return money and students where an event states them: figure, unit, events, smallest, median, largest.

    No sums: a page states what it likes to state, and most state nothing.
    """
    stated = {"money": ("million yuan", "money_million_yuan"), "students": ("students", "students_n")}
    rows = [
        (figure, unit, len(known), known.min(), known.median(), known.max())
        for figure, (unit, column) in stated.items()
        if len(known := frame[column].dropna().astype(float))
    ]
    return pd.DataFrame(rows, columns=["figure", "unit", "events", "smallest", "median", "largest"])


def clustered_mean(values: pd.Series, clusters: pd.Series, confidence: float) -> tuple[float, float, float, int, int]:
    """Return mean, low, high, units and clusters of a mean of counts, never below 0.

    t interval on the linearised variance between clusters, clusters - 1 degrees of freedom (Cochran, Sampling
    Techniques, 3rd ed. 1977, section 9A.2). From fewer than three clusters, or without spread, no interval (NaN).
    """
    mean, n, groups = float(values.mean()), len(values), int(clusters.nunique())
    totals = (values - mean).groupby(clusters).sum()
    spread = float((totals**2).sum())
    if groups < 3 or spread < TINY:
        return mean, np.nan, np.nan, n, groups
    half = stats.t.ppf((1 + confidence) / 2, groups - 1) * np.sqrt(groups / (groups - 1) * spread) / n
    return mean, max(mean - half, 0.0), mean + half, n, groups


def _in_class(
    measure: str, values: pd.Series, pages: pd.Series, confidence: float
) -> tuple[float | None, float, float, int, int]:
    if measure == "depth":
        return clustered_mean(values, pages, confidence)
    share = cluster_share(values, pages, confidence)
    low, high = share.interval or (np.nan, np.nan)
    return share.value, low, high, share.n, share.clusters or 0


def bias_curve(reading: Reading, province: str, confidence: float) -> pd.DataFrame:
    """Return C2.1 corrected for marks that the stored text hides: sensitivity, specificity, value, low, high."""
    used = signed_events(reading, province).frame
    if used.empty:
        return pd.DataFrame(columns=["sensitivity", "specificity", "value", "low", "high"], dtype=float)
    return _six_digits(bias_surface(_passes(used, MARKS), DEEP, used[reading.cluster], confidence))


def _six_digits(frame: pd.DataFrame) -> pd.DataFrame:
    # What is drawn must not hang on the last bits of a processor's arithmetic.
    rounded = frame.copy()
    for name in frame.select_dtypes("float").columns:
        rounded[name] = frame[name].map("{:.6g}".format).astype(float)
    return rounded


# Tables and drawings for the reader


def variants_table(
    printed: Mapping[str, Estimate], varied: Mapping[str, Mapping[str, Estimate]], meanings: Mapping[str, str]
) -> pd.DataFrame:
    """Return one row per variant, the printed estimates first, one column per indicator, cells as text.

    `printed` holds an estimate per indicator, `varied` its variants, `meanings` the words of claims.yaml for them.
    """
    names = list(next(iter(varied.values())))
    rows = [{"Reading": "as printed"} | {indicator: in_words(estimate) for indicator, estimate in printed.items()}]
    for name in names:
        rows.append({"Reading": meanings[name]} | {key: in_words(estimates[name]) for key, estimates in varied.items()})
    return pd.DataFrame(rows)


def in_words(estimate: Estimate) -> str:
    """Return value, interval and n as a table prints them; empty where there is no value."""
    if estimate.value is None:
        return f"– (n = {estimate.n})"
    interval = " ({:.2f} to {:.2f})".format(*estimate.interval) if estimate.interval else ""
    return f"{estimate.value:.2f}{interval}, n = {estimate.n}"


def draw_marks_by_form(table: pd.DataFrame, language: str) -> Figure:
    """Draw the result of `marks_by_form` as a shaded table: forms down, marks across, percent in the cells."""
    if table.empty:
        return figures.no_data("no events of this province")
    forms = table["form"].unique()
    shares = table.pivot(index="form", columns="mark", values="share").loc[forms, list(MARKS)].to_numpy(float)
    figure, axes = figures.new(1.3 + 0.34 * len(forms))
    axis: Axes = axes[0, 0]
    shades = LinearSegmentedColormap.from_list("shades", ["#ffffff", figures.PALETTE["blue"]])
    axis.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 else figures.PALETTE["ink"]
        axis.text(column + 0.5, row + 0.5, f"{share:.0%}" if share else "·", ha="center", va="center", color=colour)
    sizes = table.drop_duplicates("form")["n"]
    names = [f"{events.FORM_NAMES[form][language]} (n = {n})" for form, n in zip(forms, sizes, strict=True)]
    axis.set_yticks(np.arange(len(forms)) + 0.5, names)
    axis.set_xticks(np.arange(len(MARKS)) + 0.5, [name.replace(" ", "\n") for name in events.MARK_NAMES[language]])
    axis.xaxis.tick_top()
    _bare(axis)
    axis.invert_yaxis()
    return figure


def draw_depth(every: pd.DataFrame, agreements: pd.DataFrame) -> Figure:
    """Draw two results of `depth_distribution` side by side: all events, and signed agreements."""
    if every["share"].sum() == 0:
        return figures.no_data("no events of this province")
    figure, axes = figures.new(2.6, columns=2, sharey=True)
    titles = ("All events", "Signed agreements")
    for axis, table, title in zip(axes[0], (every, agreements), titles, strict=True):
        colours = [figures.PALETTE["orange" if depth >= DEEP else "grey"] for depth in table["depth"]]
        axis.bar(table["depth"], table["share"], color=colours, width=0.8)
        axis.set_title(title)
        axis.set_xticks(range(len(MARKS) + 1))
        axis.set_xlabel("marks of concreteness")
        deep = table.loc[table["depth"] >= DEEP, "share"].sum()
        axis.annotate(
            f"three or more: {deep:.0%}", (DEEP - 0.4, 0.5), xycoords=("data", "axes fraction"),
            color=figures.PALETTE["orange"],
        )  # fmt: skip
    axes[0, 0].set_ylabel("share of events")
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def draw_curve(curve: pd.DataFrame, threshold: float) -> Figure:
    """Draw the result of `concreteness_curve`; `threshold` is the share that the rule names."""
    if curve.empty:
        return figures.no_data("no signed agreements of this province")
    lines = curve.assign(
        label=[f"{number} marks or more" if number > 1 else "1 mark or more" for number in curve["marks"]],
        colour=["orange" if number == DEEP else "blue" for number in curve["marks"]],
    )
    return figures.interval_plot(lines, "share of signed agreements", [threshold], (0, 1), percent=True)


def draw_depth_by_form(table: pd.DataFrame, language: str, here: str, elsewhere: str) -> Figure:
    """Draw the result of `depth_by_form`: one line per form and side; `here` and `elsewhere` name the sides."""
    if table.empty:
        return figures.no_data("no events of this province")
    forms = list(table["form"].unique())
    figure, axes = figures.new(1.1 + 0.42 * len(forms))
    axis: Axes = axes[0, 0]
    colours = {1: "blue", 0: "grey"}
    for row in table.to_dict("records"):
        place = -forms.index(row["form"]) + (0.17 if row["side"] else -0.17)
        figures.draw_interval(axis, place, {**row, "colour": colours[row["side"]]})
    axis.set_yticks([-place for place in range(len(forms))], [events.FORM_NAMES[form][language] for form in forms])
    for side, name in ((1, here), (0, elsewhere)):
        axis.plot([], [], "o-", color=figures.PALETTE[colours[side]], label=name)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    axis.set_xlim(0, 1.1 * float(table["value"].max()) + 1.5)
    axis.set_xlabel("mean number of marks, with interval")
    axis.grid(axis="x")
    _bare(axis)
    return figure


def draw_size_classes(table: pd.DataFrame, language: str) -> Figure:
    """Draw the result of `by_size_class`: depth at the left, share with a joint body at the right."""
    if table.empty:
        return figures.no_data("no events of this province with a known number of partners")
    figure, axes = figures.new(1.9, columns=2, sharey=True)
    titles = {"depth": "Marks, without consortia", "joint body": "Share with a joint body, all forms"}
    for axis, (measure, title) in zip(axes[0], titles.items(), strict=True):
        for row in table[table["measure"] == measure].to_dict("records"):
            figures.draw_interval(axis, -row["size_class"], row)
        axis.set_title(title)
        axis.set_xlim(left=0)
        axis.grid(axis="x")
        _bare(axis)
    axes[0, 0].set_yticks([0, -1, -2], events.SIZE_CLASSES[language])
    axes[0, 0].set_ylim(-2.5, 0.5)
    axes[0, 0].set_ylabel("partners")
    axes[0, 1].set_xlim(0, 1)
    axes[0, 1].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def draw_years(table: pd.DataFrame) -> Figure:
    """Draw the result of `depth_by_year`: the mean of each year, its interval and its number of events."""
    if table.empty:
        return figures.no_data("no dated events of this province")
    figure, axes = figures.new(2.6)
    axis: Axes = axes[0, 0]
    axis.vlines(table["year"], table["low"], table["high"], color=figures.PALETTE["blue"], linewidth=2, alpha=0.55)
    axis.plot(table["year"], table["value"], "o", color=figures.PALETTE["blue"], clip_on=False, zorder=3)
    top = 1.15 * np.nanmax(table[["value", "high"]].to_numpy(float)) + 0.1
    for year, n in zip(table["year"], table["n"], strict=True):
        axis.text(year, top, f"n = {n}", ha="center", va="bottom", fontsize=8, color=figures.PALETTE["grey"])
    axis.set_ylim(0, top)
    axis.set_xticks(table["year"])
    axis.set_ylabel("mean number of marks")
    axis.grid(axis="y")
    return figure


def _bare(axis: Axes) -> None:
    axis.tick_params(length=0)
    axis.set_axisbelow(True)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
