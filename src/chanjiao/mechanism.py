"""Are agreements between colleges and firms more than signatures? The depth of school-enterprise events (C2, C5).

Depth is the number of nine marks of concreteness. Works on the frame of `events.events`; events cluster by page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy import stats

from chanjiao import events, figures
from chanjiao.bias import bias_surface, tipping_sensitivity
from chanjiao.claims import SUPPORTED, Rule, decide
from chanjiao.events import MARKS, Reading
from chanjiao.rowflow import RowFlow
from chanjiao.statistics import TINY, Estimate, cluster_share, stratified_ratio, wilson, within_slope

DEEP = 3  # marks from which an agreement counts as concrete
JOINT_BODY = "c_governance"
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
    used = bilateral_events(reading, province).frame
    frame = used.assign(
        depth=events.depth(used, reading.passes),
        form=events.form(used, reading.passes),
        side=(used["province_code"] == province).astype(int),
    )
    if frame.empty:
        return _missing(0, province, rule)
    ratio = stratified_ratio(frame, "depth", "side", ["form", "dated"], reading.cluster, confidence, seed, draws)
    return ratio.with_(unit=rule["unit"], rows=_rows(used))


def class_trend(
    reading: Reading, province: str, confidence: float, rule: Rule, seed: int, draws: int = 2000
) -> Estimate:
    """Return C5.1, the slope of depth on the partner size class (0, 1, 2) within form, consortia excluded.

    Least squares with a fixed effect per form, because three classes bear no more than a line; CR2 errors by page (see
    `statistics.within_slope`). The p value permutes the size class between pages of a form.
    """
    used = sized_events(reading, province).frame
    if used.empty:
        return _missing(0, province, rule)
    frame = used.assign(
        depth=events.depth(used, reading.passes),
        form=events.form(used, reading.passes),
        size_class=used["size_class"].astype(float),
    )
    trend = within_slope(frame, "size_class", "depth", "form", reading.cluster, confidence, rule["unit"])
    if trend.value is not None:
        trend = trend.with_(p_value=_trend_p(frame, reading.cluster, np.random.default_rng(seed), draws))
    return trend.with_(rows=_rows(used))


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


# Description


def naive_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C2.1 as if no two events shared a page: the plain Wilson interval, to show what clustering costs."""
    estimate = deep_share(reading, province, confidence, rule)
    if estimate.value is None:
        return estimate
    return estimate.with_(interval=wilson(estimate.value * estimate.n, estimate.n, confidence), effective_n=None)


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
    return Estimate(mean, None if np.isnan(low) else (low, high), n, clusters, unit="marks")


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
    low, high = estimate.interval or (np.nan, np.nan)
    return f"{estimate.value:.2f} ({low:.2f} to {high:.2f}), n = {estimate.n}"


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


def draw_bias(curve: pd.DataFrame, threshold: float, ceiling: float) -> Figure:
    """Draw the result of `bias_curve`: the corrected share as visibility falls.

    `threshold` is the share, `ceiling` the sensitivity, that the rule names.
    """
    if curve.empty:
        return figures.no_data("no signed agreements of this province")
    figure, axes = figures.new(2.9)
    axis: Axes = axes[0, 0]
    for specificity, colour, meaning in ((1.0, "blue", "no false marks"), (0.95, "grey", "one mark in twenty false")):
        part = curve[curve["specificity"] == specificity]
        shade = figures.PALETTE[colour]
        axis.fill_between(part["sensitivity"], part["low"], part["high"], color=shade, alpha=0.15, linewidth=0)
        axis.plot(part["sensitivity"], part["value"], color=shade, label=f"{meaning} (specificity {specificity:g})")
    for draw, place in ((axis.axhline, threshold), (axis.axvline, ceiling)):
        draw(place, color=figures.PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(0.995, threshold + 0.015, "threshold of the rule", fontsize=8)
    axis.text(ceiling - 0.004, 0.94, "a verdict that falls at the left of this line does not stand", fontsize=8)
    axis.set(xlim=(1, 0.5), ylim=(0, 1), xlabel="share of the marks that the stored text shows (sensitivity)")
    axis.set_ylabel("corrected share")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.legend(loc="upper left")
    return figure


def _bare(axis: Axes) -> None:
    axis.tick_params(length=0)
    axis.set_axisbelow(True)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
