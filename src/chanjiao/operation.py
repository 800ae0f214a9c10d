"""Do teachers and teaching resources fit? Curriculum work, sectors of colleges against GDP, dual-qualified teachers."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from scipy import stats

from chanjiao import diagnostics, events, figures, multiverse
from chanjiao.bias import bias_surface, corrected_shares, manski_bounds, tipping_sensitivity
from chanjiao.claims import SUPPORTED, Rule, decide, indicator_rules
from chanjiao.events import SAMPLE, Reading
from chanjiao.figures import PALETTE
from chanjiao.meta_analysis import EGGER_FROM, egger, pool_shares
from chanjiao.multiverse import Combination, Correct, Evaluate, remembered
from chanjiao.power import with_dissimilarity
from chanjiao.rowflow import RowFlow
from chanjiao.sectors import (
    SECTORS,
    college_sectors,
    dissimilarity,
    excess_interval,
    expected_dissimilarity,
    gdp_shares,
    perfect_fit_p,
    sector_counts,
    sector_lexicon,
)
from chanjiao.statistics import TINY, Estimate, Interval, cluster_share

CURRICULUM = "c_curriculum"
DENOMINATOR_NAMES = {
    "full_time_teachers": "of full-time teachers",
    "vocational_subject_teachers": "of teachers of vocational subjects",
    "all_teachers": "of all teachers, part-time ones included",
    "unstated": "of teachers, which ones is not stated",
}
DENOMINATORS = tuple(DENOMINATOR_NAMES)
COLLEGES = {"colleges": "institution_id"}  # left out one by one, by the column that names them
ABOUT = 0.05  # half-width of a share that a page gives as "about" or "nearly"
ALIKE = "no interval: all colleges publish the same share, which does not show how far colleges differ"
PRINTED_FROM = 5  # colleges of one denominator class from which a pooled share is printed

TILE_COLOURS = LinearSegmentedColormap.from_list("excess", ["#eef3f7", PALETTE["blue"], PALETTE["ink"]])

# The order in which one value of a college is chosen: the first column of a list decides, ties go to the next.
CHOICE = ("named", "official", "full_time", "date", "exact", "class_order")
NEWEST_FIRST = ("named", "date", "official", "full_time", "exact", "class_order")

# Curriculum work in bilateral events (C3.1)


def curriculum_events(reading: Reading, province: str) -> RowFlow:
    """Return the row-flow to the province's bilateral events: all forms but consortium, donation and other."""
    flow = RowFlow("events for C3.1", reading.frame)
    flow.keep(reading.frame["province_code"] == province, "other province")
    flow.keep(events.bilateral(flow.frame, reading.passes), "consortium, donation or other form")
    return flow


def curriculum_share(reading: Reading, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C3.1, the share of the province's bilateral events with concrete curriculum work.

    `reading` says which events, how the passes are joined and which column holds the clusters; `rule` is the
    indicator's entry of claims.yaml. Wilson interval on the effective sample size (`statistics.cluster_share`).
    """
    used = curriculum_events(reading, province).frame
    if used.empty:
        there = int((reading.frame["province_code"] == province).sum())
        reason = (
            f"cooperation.csv has {there} events of province {province}, 0 of them bilateral; "
            f"the rule needs {rule['minimum']['n']} on {rule['minimum']['clusters']} pages"
        )
        return Estimate.missing(rule["unit"], 0, reason, clusters=0)
    marks = events.mark(used, CURRICULUM, reading.passes)
    rows = {"cooperation": sorted({row for rows in used["rows"] for row in rows})}
    return cluster_share(marks, used[reading.cluster], confidence, rule["unit"]).with_(rows=rows)


def curriculum_tipping(reading: Reading, province: str, confidence: float, rule: Rule) -> float | None:
    """Return the sensitivity of the mark at which C3.1 is no longer supported; None if it is not supported as it is.

    Unseen text can only have hidden curriculum work (`bias.tipping_sensitivity`).
    """
    used = curriculum_events(reading, province).frame
    if decide(rule, curriculum_share(reading, province, confidence, rule).interval) != SUPPORTED:
        return None
    passes = [used[[f"{CURRICULUM}_{one_pass}"]].astype(float) for one_pass in "ab"]
    return tipping_sensitivity(
        passes, 1, used[reading.cluster], confidence, lambda share: decide(rule, share.interval) == SUPPORTED
    )


def curriculum_variants(
    readings: Mapping[str, Reading], province: str, confidence: float, rule: Rule
) -> dict[str, Estimate]:
    """Return C3.1 under every reading of `events.readings`."""
    return {name: curriculum_share(reading, province, confidence, rule) for name, reading in readings.items()}


def curriculum_curve(reading: Reading, province: str, confidence: float) -> pd.DataFrame:
    """Return C3.1 corrected for curriculum work that the stored text hides: the columns of `bias.bias_surface`."""
    used = curriculum_events(reading, province).frame
    passes = [used[[f"{CURRICULUM}_{one_pass}"]].astype(float) for one_pass in "ab"]
    return bias_surface(passes, 1, used[reading.cluster], confidence)


def curriculum_deletions(reading: Reading, province: str, confidence: float) -> pd.DataFrame:
    """Return C3.1 without each page and each college in turn; see `diagnostics.deletions`."""
    used = curriculum_events(reading, province).frame
    frame = used[["page", "college"]].assign(marked=events.mark(used, CURRICULUM, reading.passes))

    def share(part: pd.DataFrame) -> Estimate:
        return cluster_share(part["marked"], part[reading.cluster], confidence)

    return diagnostics.deletions("C3.1", share, frame, {"pages": "page", "colleges": "college"})


def curriculum_by_form(reading: Reading, province: str, confidence: float) -> dict[str, Estimate]:
    """Return the share with curriculum work by the form's name, most frequent form first."""
    used = curriculum_events(reading, province).frame
    marks = events.mark(used, CURRICULUM, reading.passes)
    shares = {
        str(form).replace("_", " "): cluster_share(marks[part.index], part[reading.cluster], confidence)
        for form, part in used.groupby(events.form(used, reading.passes), sort=True)
    }
    return dict(sorted(shares.items(), key=lambda item: (-item[1].n, item[0])))


# Sectors of colleges against GDP (C3.2)


def sector_flow(colleges: pd.DataFrame, province: str) -> RowFlow:
    """Return the row-flow from the list (see `college_sectors`) to the province's colleges with a sector."""
    flow = RowFlow("institutions", colleges)
    flow.keep(colleges["province_code"] == province, "college of another province")
    flow.keep(flow.frame["sector"].notna(), "no term of the lexicon in the name: comprehensive or unclassified")
    return flow


def sector_fit(colleges: pd.DataFrame, gdp: pd.DataFrame, province: str, confidence: float, rule: Rule) -> Estimate:
    """Dissimilarity of the colleges' sectors and the sectors of GDP in excess of a perfect fit (C3.2).

    `colleges` is that of `college_sectors`, `gdp` that of `gdp_shares`. The value is the index minus its expectation if
    as many colleges were drawn from the GDP shares; 0 is a perfect fit. `rows` holds the institution_ids.
    """
    used = sector_flow(colleges, province).frame
    if used.empty or province not in gdp.index:
        return Estimate.missing(rule["unit"], len(used), _lacking(colleges, gdp, province, rule))
    counts, reference = sector_counts(used), gdp.loc[province, list(SECTORS)].to_numpy(float)
    value = float(dissimilarity(counts / len(used), reference)) - expected_dissimilarity(len(used), reference)
    interval = excess_interval(counts, reference, confidence)
    rows = {"institutions": used["institution_id"].tolist()}
    n = len(used)
    return Estimate(value, interval, n, n, effective_n=float(n), unit=rule["unit"], rows=rows)


def sector_deletions(
    colleges: pd.DataFrame, gdp: pd.DataFrame, province: str, confidence: float, rule: Rule
) -> pd.DataFrame:
    """Return C3.2 without each college in turn; see `diagnostics.deletions`."""

    # Colleges of one sector are alike here, so there are no more different fits than sectors.
    fits: dict[tuple[int, ...], Estimate] = {}

    def fit(part: pd.DataFrame) -> Estimate:
        counts = tuple(sector_counts(part))
        if counts not in fits:
            fits[counts] = sector_fit(part, gdp, province, confidence, rule)
        return fits[counts]

    return diagnostics.deletions("C3.2", fit, sector_flow(colleges, province).frame, COLLEGES)


def sector_power(fit: Estimate, gdp: pd.DataFrame, province: str, confidence: float, rule: Rule) -> Estimate:
    """Return C3.2 with the true excesses that as many colleges would have found (see `power.with_dissimilarity`)."""
    reference = gdp.reindex([province])[list(SECTORS)].to_numpy(float)[0]
    return with_dissimilarity(rule, fit, fit.n, reference, confidence)


def _lacking(colleges: pd.DataFrame, gdp: pd.DataFrame, province: str, rule: Rule) -> str:
    if province not in gdp.index:
        return f"province_statistics.csv has 0 years with all three GDP shares of province {province}, the rule needs 1"
    there = int((colleges["province_code"] == province).sum())
    return (
        f"institutions.csv has {there} colleges of province {province}, 0 of them with a sector in the name; "
        f"the rule needs {rule['minimum']['n']}"
    )


def sector_variants(
    institutions: pd.DataFrame,
    sources: pd.DataFrame,
    lexicon: pd.DataFrame,
    gdp: pd.DataFrame,
    province: str,
    confidence: float,
    rule: Rule,
) -> dict[str, Estimate]:
    """C3.2 with arguable names in their alternative sector, and on official sources only."""
    strong = sources.loc[sources["official"] != "no", "source_id"]
    official = institutions[institutions["source_id"].isin(strong)]
    alternative = college_sectors(institutions, lexicon, alternative=True)
    strong_fit = sector_fit(college_sectors(official, lexicon), gdp, province, confidence, rule)
    if official.empty:
        strong_fit = strong_fit.with_(reason="institutions.csv has 0 rows from official sources: the list is a copy")
    return {
        "alternative_sector": sector_fit(alternative, gdp, province, confidence, rule),
        "official": strong_fit,
    }


def sector_table(colleges: pd.DataFrame, gdp: pd.DataFrame, province: str) -> pd.DataFrame:
    """One row per sector: sector, colleges (number), college_share, gdp_share, location_quotient (college over GDP).

    Empty where the province has no college with a sector or no GDP shares.
    """
    used = sector_flow(colleges, province).frame
    columns = ["sector", "colleges", "college_share", "gdp_share", "location_quotient"]
    if used.empty or province not in gdp.index:
        return pd.DataFrame(columns=columns)
    counts, reference = sector_counts(used), gdp.loc[province, list(SECTORS)].to_numpy(float)
    shares = counts / len(used)
    quotient = np.divide(shares, reference, out=np.full(3, np.nan), where=reference > 0)
    return pd.DataFrame(dict(zip(columns, (SECTORS, counts, shares, reference, quotient), strict=True)))


def sector_index(colleges: pd.DataFrame, gdp: pd.DataFrame, province: str) -> dict[str, float | int | None]:
    """The parts of C3.2 by name: dissimilarity, dissimilarity_by_chance, perfect_fit_p, gdp_year.

    Chance is a perfect fit of as many colleges, p the exact chance of so large an index under it. All None where C3.2
    is missing.
    """
    used = sector_flow(colleges, province).frame
    if used.empty or province not in gdp.index:
        return dict.fromkeys(("dissimilarity", "dissimilarity_by_chance", "perfect_fit_p", "gdp_year"))
    counts, reference = sector_counts(used), gdp.loc[province, list(SECTORS)].to_numpy(float)
    return {
        "dissimilarity": float(dissimilarity(counts / len(used), reference)),
        "dissimilarity_by_chance": expected_dissimilarity(len(used), reference),
        "perfect_fit_p": perfect_fit_p(counts, reference),
        "gdp_year": int(gdp["year"][province]),
    }


def all_provinces(
    colleges: pd.DataFrame, gdp: pd.DataFrame, provinces: pd.DataFrame, confidence: float, rule: Rule
) -> pd.DataFrame:
    """C3.2 of every province with a tile: the columns of `provinces`, n, value, low, high, largest value first."""
    places = provinces[provinces["tile_row"].notna()].reset_index(drop=True)
    fits = [sector_fit(colleges, gdp, code, confidence, rule) for code in places["province_code"]]
    estimates = pd.DataFrame(
        [(fit.n, fit.value, *(fit.interval or (np.nan, np.nan))) for fit in fits], columns=["n", "value", "low", "high"]
    )
    return places.join(estimates).sort_values(["value", "province_code"], ascending=[False, True], ignore_index=True)


def position(places: pd.DataFrame, province: str, rule: Rule) -> dict[str, float | int | None]:
    """Where the province stands in `all_provinces`, among those with as many colleges as the rule needs.

    sector_rank (1 is the worst fit), sector_provinces (how many are ranked), and excess_median, excess_min, excess_max
    of the others; all None where the province is not among them or alone.
    """
    known = places[places["value"].notna() & (places["n"] >= rule["minimum"]["n"])].reset_index(drop=True)
    place = known.index[known["province_code"] == province]
    others = known.loc[known["province_code"] != province, "value"]
    if place.empty or others.empty:
        return dict.fromkeys(("sector_rank", "sector_provinces", "excess_median", "excess_min", "excess_max"))
    spread = {f"excess_{name}": float(others.agg(name)) for name in ("median", "min", "max")}
    return {"sector_rank": int(place[0]) + 1, "sector_provinces": len(known), **spread}


# Dual-qualified teachers (C4)


def dual_qualified_facts(facts: pd.DataFrame, institutions: pd.DataFrame, sources: pd.DataFrame) -> RowFlow:
    """Return the row-flow from institution_facts to the dual-qualified shares that a page allows.

    The frame has a row per share or per count with its number of full-time teachers on the same page of the same date:
    institution_id, province_code, fact_keys (the facts used), share, low, high (in [0, 1]), denominator, teachers
    (full-time teachers stated beside it, or missing), as_of, source_id and the columns of CHOICE, smaller is better.
    A count whose own base is unstated keeps the class unstated.
    """
    flow = RowFlow("institution_facts", facts)
    names = ["dual_qualified_share_pct", "dual_qualified_teachers"]
    flow.keep(facts["indicator"].isin(names), "not about dual-qualified teachers")
    full_time = facts[(facts["indicator"] == "full_time_teachers") & facts["qualifier"].isin(["exact", "about"])]
    flow.frame = _with_full_time(flow.frame, full_time)
    other_base = flow.frame["denominator"].isin(["all_teachers", "vocational_subject_teachers"])
    flow.keep(~(_counted(flow.frame) & other_base), "a count among other teachers than the full-time ones")
    alone = _counted(flow.frame) & flow.frame["teachers"].isna()
    flow.keep(~alone, "a count without the number of full-time teachers on its page")
    flow.frame = _choice_columns(_bounds(flow.frame), institutions, sources)
    flow.keep(flow.frame["share"].between(0, 1), "more dual-qualified than full-time teachers")
    return flow


def _counted(dual: pd.DataFrame) -> pd.Series:
    return dual["indicator"] == "dual_qualified_teachers"


def _with_full_time(dual: pd.DataFrame, full_time: pd.DataFrame) -> pd.DataFrame:
    page = ["institution_id", "source_id", "as_of"]
    beside = full_time.groupby(page, dropna=False, as_index=False, sort=True).agg(
        teachers=("value", "median"), teachers_no=("fact_no", "first"), teachers_qualifier=("qualifier", "min")
    )
    return dual.merge(beside, on=page, how="left", validate="many_to_one")


def _bounds(dual: pd.DataFrame) -> pd.DataFrame:
    counted = _counted(dual)
    share = dual["value"] / dual["teachers"].where(counted, 100)
    qualifier = dual["qualifier"].where(~counted | (dual["teachers_qualifier"] != "about"), "about")
    below = qualifier.map({"less_than": 1.0, "about": ABOUT}).fillna(0)
    above = qualifier.map({"more_than": 1.0, "about": ABOUT}).fillna(0)
    low, high = (share - below).clip(0, 1), (share + above).clip(0, 1)
    return dual.assign(share=share, low=low, high=high, exact=(qualifier != "exact").astype(int))


def _choice_columns(dual: pd.DataFrame, institutions: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    frame = dual.merge(institutions[["institution_id", "province_code"]], on="institution_id", validate="many_to_one")
    weak = set(sources.loc[sources["official"] == "no", "source_id"])
    keys = [_fact_keys(row) for row in frame.to_dict("records")]
    return frame.assign(
        fact_keys=pd.Series(keys, index=frame.index, dtype=object),
        named=(frame["identity_inferred"] == "yes").astype(int),
        official=frame["source_id"].isin(weak).astype(int),
        full_time=(frame["denominator"] != "full_time_teachers").astype(int),
        date=-frame["as_of"].fillna(0).astype(int),
        class_order=frame["denominator"].map({name: place for place, name in enumerate(DENOMINATORS)}),
    )


def _fact_keys(row: Mapping[Any, Any]) -> list[list[str]]:
    keys = [[str(row["institution_id"]), str(row["indicator"]), str(row["fact_no"])]]
    if pd.notna(row["teachers_no"]):
        keys.append([str(row["institution_id"]), "full_time_teachers", str(row["teachers_no"])])
    return keys


def one_per_college(candidates: pd.DataFrame, order: Sequence[str] = CHOICE) -> pd.DataFrame:
    """One dual-qualified share per college, chosen by `order` (see CHOICE), the median of what is still equal.

    `candidates` is the frame of `dual_qualified_facts`. Returns institution_id, province_code, denominator, share, low,
    high, teachers, as_of, official, source_id, fact_keys, sorted by college.
    """
    left = candidates.sort_values(["institution_id", "indicator", "fact_no"])
    for column in order:
        left = left[left[column] == left.groupby("institution_id")[column].transform("min")]
    return left.groupby("institution_id", as_index=False, sort=True).agg(
        province_code=("province_code", "first"),
        denominator=("denominator", "first"),
        share=("share", "median"),
        low=("low", "median"),
        high=("high", "median"),
        teachers=("teachers", "median"),
        as_of=("as_of", "first"),
        official=("official", lambda weak: "no" if weak.any() else "yes"),
        source_id=("source_id", "first"),
        fact_keys=("fact_keys", lambda keys: [key for one in keys for key in one]),
    )


def named_colleges(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates whose page prints the college's name; the others enter a sensitivity analysis only."""
    return candidates[candidates["named"] == 0]


def pooled_share(
    shares: pd.DataFrame, denominator: str, listed: int, confidence: float, minimum: int = PRINTED_FROM
) -> Estimate:
    """Mean dual-qualified share of the colleges of one denominator class, and how many of the `listed` publish one.

    `shares` is the frame of `one_per_college`. A college counts its teachers and samples none, so its share has no
    sampling error; the random-effects mean with Hartung and Knapp's interval (Statistics in Medicine 20 (2001),
    3875-3889) is then the plain mean with a t interval over the colleges, and needs no numbers of teachers (many pages
    give none). Where a college publishes only a bound, the interval runs from the lower limit with every share at its
    low end to the upper limit with every share at its high end (Manski 2003, Partial Identification of Probability
    Distributions, chapter 1). Below `minimum` colleges the value is missing, and where all shares are equal the
    interval.
    """
    used = shares[shares["denominator"] == denominator]
    publishing = len(used) / listed if listed else None
    rows = {"institution_facts": [key for keys in used["fact_keys"] for key in keys]}
    if len(used) < max(minimum, 2):
        reason = (
            f"institution_facts.csv has a dual-qualified share with the denominator {denominator} for {len(used)} of "
            f"{listed} colleges; this figure needs {max(minimum, 2)}"
        )
        return Estimate.missing("share", len(used), reason, publishing=publishing, rows=rows)
    interval = _with_width(_t_limits(used["low"], confidence)[0], _t_limits(used["high"], confidence)[1])
    return Estimate(
        float(used["share"].mean()), interval, len(used), len(used), effective_n=float(len(used)),
        publishing=publishing, unit="share", reason=None if interval else ALIKE, rows=rows,
    )  # fmt: skip


def _with_width(low: float, high: float) -> Interval | None:
    # Colleges that all publish the same figure do not show how far colleges differ.
    return (low, high) if high - low > TINY else None


def teacher_deletions(
    shares: pd.DataFrame, confidence: float, bases: Mapping[str, str], rules: Mapping[str, Rule]
) -> pd.DataFrame:
    """Return C4.1 and C4.2 without each college in turn; see `diagnostics.deletions`.

    `bases` maps the indicator to its denominator class. Without colleges enough for the rule nothing is left out.
    """
    tables = []
    for name, base in bases.items():
        used = shares[shares["denominator"] == base]
        enough = used if len(used) >= rules[name]["minimum"]["n"] else used.iloc[:0]

        def pooled(part: pd.DataFrame, base: str = base) -> Estimate:
            return pooled_share(part, base, 0, confidence)

        tables.append(diagnostics.deletions(name, pooled, enough, COLLEGES))
    return pd.concat(tables, ignore_index=True)


def small_studies(shares: pd.DataFrame, denominator: str, confidence: float) -> Estimate:
    """Return Egger's intercept of the logits of exact shares whose number of teachers is known.

    Away from 0 if small faculties publish other shares than large ones (`meta_analysis.egger`, which says from how many
    colleges on). Shares of exactly 0 and 1 get half a teacher on both sides, as in `meta_analysis.pool_shares`.
    """
    exact = shares["teachers"].notna() & (shares["low"] == shares["high"])
    used = shares[exact & (shares["denominator"] == denominator)]
    size = used["teachers"].to_numpy(float)
    marked = used["share"].to_numpy(float) * size
    half = np.where((marked == 0) | (marked == size), 0.5, 0.0)
    if len(used) < 2:
        reason = f"colleges with an exact share and the number of teachers in institution_facts.csv: {len(used)}"
        return Estimate.missing("intercept", len(used), f"{reason}; the test of small studies needs {EGGER_FROM}")
    effects = np.log((marked + half) / (size - marked + half))
    return egger(effects, 1 / (marked + half) + 1 / (size - marked + half), confidence)


def _t_limits(values: pd.Series, confidence: float, further: int = 0) -> Interval:
    """t interval of a mean (further=0) or of one further college's value (further=1), within [0, 1]."""
    n = len(values)
    spread = float(values.std(ddof=1)) * np.sqrt(further + 1 / n)
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * spread
    centre = float(values.mean())
    return max(0.0, centre - reach), min(1.0, centre + reach)


def prediction_interval(shares: pd.DataFrame, denominator: str, confidence: float) -> Interval | None:
    """Where the share of a further publishing college would lie; None below five colleges, or if all shares are equal.

    Normal-theory prediction interval (Higgins, Thompson and Spiegelhalter, JRSS A 172 (2009), 137-159, with no sampling
    error within colleges), at the low ends below and the high ends above.
    """
    used = shares[shares["denominator"] == denominator]
    if len(used) < PRINTED_FROM:
        return None
    return _with_width(_t_limits(used["low"], confidence, 1)[0], _t_limits(used["high"], confidence, 1)[1])


def mean_bounds(shares: pd.DataFrame, denominator: str) -> Interval | None:
    """The mean with every published bound at its low end and at its high end; None without colleges."""
    used = shares[shares["denominator"] == denominator]
    return None if used.empty else (float(used["low"].mean()), float(used["high"].mean()))


def silent_bounds(shares: pd.DataFrame, denominator: str, listed: int) -> Interval | None:
    """Worst-case bounds of the mean over all `listed` colleges, silent ones anywhere in [0, 1]; None without a list.

    See `bias.manski_bounds`.
    """
    if not listed:
        return None
    publishing = (shares["denominator"] == denominator).sum() / listed
    low, high = mean_bounds(shares, denominator) or (0.0, 0.0)
    return manski_bounds(low, publishing)[0], manski_bounds(high, publishing)[1]


def random_effects(shares: pd.DataFrame, denominator: str, confidence: float) -> tuple[Estimate, Estimate]:
    """Mean share and standard deviation between colleges if teachers were a sample, for exact shares with their number.

    Pooled on the logit scale by restricted maximum likelihood with Hartung and Knapp's interval
    (`meta_analysis.pool_shares`). The mean is turned back into a share; the standard deviation stays on the logit scale
    (unit logit), where 1 means that shares of 50 % and 73 % lie one apart. Both missing below three colleges.
    """
    exact = shares["teachers"].notna() & (shares["low"] == shares["high"])
    used = shares[exact & (shares["denominator"] == denominator)]
    n = len(used)
    if n < 3:
        reason = (
            f"institution_facts.csv has an exact dual-qualified share with the denominator {denominator} and the "
            f"number of teachers beside it for {n} colleges; this figure needs 3"
        )
        return Estimate.missing("share", n, reason), Estimate.missing("logit", n, reason)
    size = used["teachers"].to_numpy(float)
    pooled = pool_shares(used["share"].to_numpy(float) * size, size, confidence)
    rows = {"institution_facts": [key for keys in used["fact_keys"] for key in keys]}
    interval = _with_width(*pooled.interval)
    return (
        Estimate(pooled.value, interval, n, n, unit="share", reason=None if interval else ALIKE, rows=rows),
        Estimate(float(np.sqrt(pooled.between_variance)), None, n, n, unit="logit", rows=rows),
    )


def describe_class(shares: pd.DataFrame, denominator: str, listed: int, confidence: float) -> dict[str, Estimate]:
    """All that is printed of one denominator class, by the ending of its key.

    "" the pooled share from five colleges on; _low_end, _high_end its bounds; _prediction_low, _prediction_high;
    _list_low, _list_high Manski's bounds over the `listed` colleges; _random_effects and _between_sd.
    """
    pooled = pooled_share(shares, denominator, listed, confidence)
    ends = mean_bounds(shares, denominator) if pooled.value is not None else None
    pairs = {
        ("_low_end", "_high_end"): ends,
        ("_prediction_low", "_prediction_high"): prediction_interval(shares, denominator, confidence),
        ("_list_low", "_list_high"): silent_bounds(shares, denominator, listed),
    }
    bare = pooled.with_(interval=None, effective_n=None, publishing=None, rows={})
    spread = random_effects(shares, denominator, confidence)
    return {
        "": pooled,
        **{name: _one_end(bare, pair, side) for keys, pair in pairs.items() for side, name in enumerate(keys)},
        "_random_effects": spread[0],
        "_between_sd": spread[1],
    }


def _one_end(bare: Estimate, pair: Interval | None, side: int) -> Estimate:
    if pair is None:
        return bare.with_(value=None, reason=bare.reason or "the province has no college on the list")
    return bare.with_(value=pair[side], reason=None)


def in_province(frame: pd.DataFrame, province: str) -> pd.DataFrame:
    """The rows of a frame with province_code that lie in the province."""
    return frame[frame["province_code"] == province]


def pooled_variants(
    candidates: pd.DataFrame, denominator: str, listed: int, confidence: float, minimum: int
) -> dict[str, Estimate]:
    """C4 with inferred identities, newest figures first, and official pages only; see `pooled_share`."""
    named = named_colleges(candidates)
    choices = {
        "inferred": one_per_college(candidates),
        "newest": one_per_college(named, NEWEST_FIRST),
        "official": one_per_college(named[named["official"] == 0]),
    }
    return {name: pooled_share(chosen, denominator, listed, confidence, minimum) for name, chosen in choices.items()}


# The multiverse

LEVELS = {
    "sources": ("all", "official"),
    "lexicon": ("first", "alternative"),
    "gdp": ("newest", "earlier"),
    "choice": ("official", "newest"),
    "identity": ("named", "inferred"),
    "bounds": ("range", "stated"),
    "pooling": ("mean", "arcsine"),
}
EARLIER = 10  # years before the newest GDP, when many of the colleges were young
BASES = {"C4.1": "full_time_teachers", "C4.2": "vocational_subject_teachers"}


def specifications(
    tables: Mapping[str, pd.DataFrame],
    frames: Mapping[str, pd.DataFrame],
    province: str,
    confidence: float,
    claims: Mapping[str, Any],
) -> pd.DataFrame:
    """Return C3.1 to C4.2 under every combination of the choices in claims.yaml (`multiverse.specifications`).

    `tables` are the raw tables institutions, institution_facts, province_statistics and sources, `frames` the events
    as `event` and the single rows as `row` (see `events.chosen`), `claims` is claims.yaml.
    """
    rules = indicator_rules(claims)
    share, corrected = _curriculum_by_choice(frames, province, confidence)
    found = [
        multiverse.specifications(claims, "C3.1", share, events.LEVELS, confidence, corrected),
        multiverse.specifications(
            claims, "C3.2", _fit_by_choice(tables, province, confidence, rules["C3.2"]), LEVELS, confidence
        ),
    ]
    for name, base in BASES.items():
        pooled = _pooled_by_choice(tables, province, base, confidence, rules[name]["minimum"]["n"])
        found.append(multiverse.specifications(claims, name, pooled, LEVELS, confidence))
    return pd.concat(found, ignore_index=True)


def _curriculum_by_choice(
    frames: Mapping[str, pd.DataFrame], province: str, confidence: float
) -> tuple[Evaluate, Correct]:
    read = remembered(lambda choice: curriculum_events(events.chosen(frames, choice), province).frame, *SAMPLE)

    def share(choice: Combination) -> Estimate:
        used = read(events.categories(choice))
        marks = events.mark(used, CURRICULUM, cast(events.Passes, choice["codes"]))
        return cluster_share(marks, used[choice["clustering"]], confidence)

    def corrected(choice: Combination) -> Mapping[float, Estimate]:
        used = read(events.categories(choice))
        marks = events.coded(used, [CURRICULUM], cast(events.Passes, choice["codes"]))
        return corrected_shares(marks, 1, used[choice["clustering"]], confidence)

    factors = (*SAMPLE, "clustering")
    return remembered(share, *factors), remembered(corrected, *factors)


def _fit_by_choice(tables: Mapping[str, pd.DataFrame], province: str, confidence: float, rule: Rule) -> Evaluate:
    statistics, lexicon = tables["province_statistics"], sector_lexicon()
    newest = gdp_shares(statistics)
    earlier = statistics[statistics["year"] <= statistics["province_code"].map(newest["year"]) - EARLIER]
    economies = {"newest": newest, "earlier": gdp_shares(earlier)}
    alternative = {"first": False, "alternative": True}

    def fit(choice: Combination) -> Estimate:
        colleges = college_sectors(tables["institutions"], lexicon, alternative=alternative[choice["lexicon"]])
        return sector_fit(colleges, economies[choice["gdp"]], province, confidence, rule)

    return fit


def _pooled_by_choice(
    tables: Mapping[str, pd.DataFrame], province: str, base: str, confidence: float, minimum: int
) -> Evaluate:
    facts = dual_qualified_facts(tables["institution_facts"], tables["institutions"], tables["sources"]).frame
    candidates, listed = in_province(facts, province), len(in_province(tables["institutions"], province))

    def pooled(choice: Combination) -> Estimate:
        known = {"named": named_colleges(candidates), "inferred": candidates}[choice["identity"]]
        known = {"all": known, "official": known[known["official"] == 0]}[choice["sources"]]
        shares = one_per_college(known, {"official": CHOICE, "newest": NEWEST_FIRST}[choice["choice"]])
        if choice["bounds"] == "stated":
            shares = shares.assign(low=shares["share"], high=shares["share"])
        if choice["pooling"] == "arcsine":
            return _from_angle(pooled_share(_to_angle(shares), base, listed, confidence, minimum))
        return pooled_share(shares, base, listed, confidence, minimum)

    return pooled


def _to_angle(shares: pd.DataFrame) -> pd.DataFrame:
    """Shares on the arcsine scale, which steadies their variance (Anscombe, Biometrika 35 (1948), 246-254), 0 to 1."""
    ends = ["share", "low", "high"]
    return shares.assign(**{end: np.arcsin(np.sqrt(shares[end].astype(float))) * 2 / np.pi for end in ends})


def _from_angle(pooled: Estimate) -> Estimate:
    if pooled.value is None or pooled.interval is None:
        return pooled
    value, low, high = (float(np.sin(end * np.pi / 2) ** 2) for end in (pooled.value, *pooled.interval))
    return pooled.with_(value=value, interval=(low, high))


def share_flow(facts: RowFlow, province: str) -> pd.DataFrame:
    """The account of `dual_qualified_facts` carried on to one share per named college of the province."""
    named = RowFlow(facts.table, facts.frame)
    named.keep(named.frame["named"] == 0, "the page prints no name, identity inferred (sensitivity only)")
    named.keep(named.frame["province_code"] == province, "college of another province")
    named.keep(~named.frame["institution_id"].duplicated(), "a further figure of the same college (one is chosen)")
    return pd.concat([facts.account(), named.account().iloc[1:]], ignore_index=True)


def reference_class(denominator_en: pd.Series) -> pd.Series:
    """The denominator class of a national reference figure from the words of its source; unstated where unclear."""
    full_time = denominator_en.str.startswith("full-time teaching staff")
    vocational = denominator_en.str.contains("专业课教师", regex=False)
    names = np.select([full_time, vocational], DENOMINATORS[:2], "unstated")
    return pd.Series(names, index=denominator_en.index)


def national_references(reference_shares: pd.DataFrame) -> pd.DataFrame:
    """National shares of higher vocational colleges, one per class and year: denominator, year, share, qualifier.

    Relays of one statement count once.
    """
    rows = reference_shares[reference_shares["indicator"] == "dual_qualified_share_higher_vocational_pct"]
    named = rows.assign(denominator=reference_class(rows["denominator_en"]), share=rows["value"] / 100)
    columns = ["denominator", "year", "share", "qualifier"]
    return named[columns].drop_duplicates().sort_values(columns, ignore_index=True)


def shares_table(shares: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """The chosen shares for print: college, share and possible range in percent, base, year, official page or not."""
    ordered = shares.sort_values(["denominator", "institution_id"])
    exact = ordered["low"] == ordered["high"]
    span = _percent(ordered["low"], 0) + " to " + _percent(ordered["high"], 0)
    return pd.DataFrame(
        {
            "College": ordered["institution_id"].map(names),
            "Share (%)": _percent(ordered["share"], 1),
            "May be (%)": span.mask(exact, "exact"),
            "Denominator": ordered["denominator"].map(DENOMINATOR_NAMES),
            "Year": ordered["as_of"].astype("str").fillna("undated"),
            "Official page": ordered["official"],
        }
    )


def _percent(shares: pd.Series, digits: int) -> pd.Series:
    return pd.Series([f"{100 * share:.{digits}f}" for share in shares], index=shares.index, dtype="str")


def references_table(reference_shares: pd.DataFrame) -> pd.DataFrame:
    """The national figures for print, relays of one statement once: year, figure, share, denominator."""
    qualifier = reference_shares["qualifier"].map({"more_than": "over "}).fillna("")
    table = pd.DataFrame(
        {
            "Year": reference_shares["year"],
            "Figure": reference_shares["indicator"].str.replace("_pct", "").str.replace("_", " "),
            "Share": qualifier + reference_shares["value"].map("{:g} %".format),
            "Denominator": reference_shares["denominator_en"],
        }
    )
    return table.drop_duplicates().sort_values(table.columns.tolist(), ignore_index=True)


# Names of colleges


def college_names(institutions: pd.DataFrame, profiles: pd.DataFrame, language: str) -> pd.Series:
    """Names of colleges by institution_id: Chinese, or for language en English where the profile has a name."""
    chinese = institutions.set_index("institution_id")["name_zh"]
    if language != "en":
        return chinese
    english = profiles.set_index("institution_id")["name_en"].dropna()
    return english.reindex(chinese.index).fillna(chinese)


# Drawings


def thresholds(rule: Rule) -> list[float]:
    """The thresholds of a rule of claims.yaml, ascending, each once."""
    conditions = [rule[name] for name in ("supported_when", "contradicted_when") if name in rule]
    return sorted({float(value) for one in conditions for name, value in one.items() if name != "bound"})


def estimates_plot(estimates: Mapping[str, Estimate]) -> pd.DataFrame:
    """The frame for `figures.interval_plot` from estimates by label, the first in orange."""
    rows = [(label, one.value, *(one.interval or (None, None)), one.n) for label, one in estimates.items()]
    frame = pd.DataFrame(rows, columns=["label", "value", "low", "high", "n"])
    frame[["value", "low", "high"]] = frame[["value", "low", "high"]].astype(float)
    return frame.assign(colour=["orange" if place == 0 else "blue" for place in range(len(frame))])


def draw_estimates(drawn: pd.DataFrame, xlabel: str, rule: Rule, reason: str | None, percent: bool = False) -> Figure:
    """Estimates with the thresholds of their rule, from `estimates_plot`; `reason` is shown if none has a value."""
    if drawn["value"].isna().all():
        return figures.no_data(reason or "no estimate could be computed")
    return figures.interval_plot(drawn, xlabel, thresholds(rule), (0, 1) if percent else None, percent=percent)


def draw_sectors(table: pd.DataFrame, year: int | None) -> Figure:
    """Share of colleges against share of GDP by sector, from `sector_table`; `year` is that of the GDP shares."""
    if table.empty:
        return figures.no_data("no college of the province has a sector in its name, or GDP shares are lacking")
    figure, axes = figures.new(2.3)
    axis: Axes = axes[0, 0]
    for place, row in zip((2, 1, 0), table.to_dict("records"), strict=True):
        ends = [row["gdp_share"], row["college_share"]]
        axis.plot(ends, [place, place], color=PALETTE["light"], linewidth=4, zorder=1)
        axis.plot(row["gdp_share"], place, "D", color=PALETTE["ink"], markersize=6)
        axis.plot(row["college_share"], place, "o", color=PALETTE["orange"], markersize=8)
        note = (
            f"{row['colleges']} of {table['colleges'].sum()} colleges, location quotient {row['location_quotient']:.2f}"
        )
        axis.annotate(
            note, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=8, color=PALETTE["grey"], annotation_clip=False,
        )  # fmt: skip
    axis.set_yticks((2, 1, 0), [f"{sector} sector" for sector in table["sector"]])
    axis.set(xlim=(0, 1), ylim=(-0.6, 2.6), xlabel="share of the colleges, share of GDP")
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _sector_legend(axis, table, year)
    return figure


def _sector_legend(axis: Axes, table: pd.DataFrame, year: int | None) -> None:
    """Name the two kinds of points right above those of the last sector."""
    last = table.iloc[-1]
    first, second = ("right", "left") if last["college_share"] < last["gdp_share"] else ("left", "right")
    shift = {"right": -2, "left": 2}
    for column, side, colour, text in (
        ("college_share", first, "orange", "colleges on the list"), ("gdp_share", second, "ink", f"GDP {year}"),
    ):  # fmt: skip
        axis.annotate(
            text, (last[column], 0), xytext=(shift[side], 8), textcoords="offset points", ha=side, fontsize=8,
            color=PALETTE[colour],
        )  # fmt: skip


def draw_tile_map(places: pd.DataFrame, province: str, language: str, rule: Rule) -> Figure:
    """C3.2 on a tile map of China, from `all_provinces`: colour and number are the excess dissimilarity.

    Provinces with fewer colleges than the rule needs stay grey.
    """
    figure, axes = figures.new(5.2)
    axis: Axes = axes[0, 0]
    top = float(places["value"].max()) if places["value"].notna().any() else 0.0
    scale = Normalize(0, max(0.2, top), clip=True)
    for row in places.to_dict("records"):
        enough = row["n"] >= rule["minimum"]["n"]
        _draw_tile(axis, row, scale if enough else None, row["province_code"] == province, language)
    rows, columns = places["tile_row"].astype(int), places["tile_column"].astype(int)
    axis.set(xlim=(columns.min() - 0.6, columns.max() + 0.6), ylim=(rows.max() + 0.6, rows.min() - 0.6))
    axis.set_aspect("equal")
    axis.set_axis_off()
    return figure


def _draw_tile(axis: Axes, row: Mapping[Any, Any], scale: Normalize | None, marked: bool, language: str) -> None:
    x, y = int(row["tile_column"]), int(row["tile_row"])
    level = float(scale(row["value"])) if scale else 0.0
    face = TILE_COLOURS(level) if scale else PALETTE["light"]
    edge = PALETTE["orange"] if marked else "white"
    axis.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, facecolor=face, edgecolor=edge, linewidth=3.0))
    ink = "white" if level > 0.4 else PALETTE["ink"]
    name = str(row["name_en"]) if language == "en" else re.sub("(壮族|回族|维吾尔)?自治区$|[省市]$", "", row["name_zh"])
    axis.text(x, y - 0.14, name.replace(" ", "\n"), ha="center", va="center", fontsize=6, color=ink)
    value = f"{row['value']:.2f}" if pd.notna(row["value"]) else "–"
    axis.text(x, y + 0.2, value, ha="center", va="center", fontsize=8, color=ink if scale else PALETTE["grey"])


def provinces_plot(places: pd.DataFrame, province: str, language: str) -> pd.DataFrame:
    """The frame for `figures.interval_plot` from `all_provinces`: label, value, low, high, n, colour."""
    return pd.DataFrame(
        {
            "label": places["name_en" if language == "en" else "name_zh"],
            **{column: places[column] for column in ("value", "low", "high", "n")},
            "colour": np.where(places["province_code"] == province, "orange", "blue"),
        }
    )


def shares_plot_data(shares: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """The drawn data: denominator, college, share, low, high, as_of, in the order they are drawn (largest first)."""
    order = {name: place for place, name in enumerate(DENOMINATORS)}
    frame = shares.assign(college=shares["institution_id"].map(names), place=shares["denominator"].map(order))
    ordered = frame.sort_values(["place", "share", "institution_id"], ascending=[True, False, True], ignore_index=True)
    return ordered[["denominator", "college", "share", "low", "high", "as_of"]]


def draw_shares(drawn: pd.DataFrame, references: pd.DataFrame) -> Figure:
    """Colleges' dual-qualified shares by denominator, from `shares_plot_data`, against the national references.

    A dot is an exact figure; an open dot with an arrow to the end of its range is a bound or an approximation.
    """
    if drawn.empty:
        return figures.no_data("institution_facts.csv holds no dual-qualified share of a named college of the province")
    groups = [name for name in DENOMINATORS if (drawn["denominator"] == name).any()]
    sizes = [int((drawn["denominator"] == name).sum()) for name in groups]
    height = 0.55 + sum(0.28 * size + 0.5 for size in sizes)
    ratios = [size + 1.2 for size in sizes]
    figure, axes = figures.new(height, rows=len(groups), sharex=True, height_ratios=ratios)
    for axis, group in zip(axes[:, 0], groups, strict=True):
        _draw_class(axis, drawn[drawn["denominator"] == group], DENOMINATOR_NAMES[group])
        _draw_references(axis, references[references["denominator"] == group])
    axes[-1, 0].set_xlabel("share of dual-qualified teachers")
    axes[-1, 0].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def _draw_class(axis: Axes, part: pd.DataFrame, title: str) -> None:
    places = np.arange(len(part))[::-1]
    for place, row in zip(places, part.to_dict("records"), strict=True):
        exact = row["low"] == row["high"]
        for end in (row["low"], row["high"]):
            if abs(end - row["share"]) > 1e-9:
                arrow = {"arrowstyle": "->", "color": PALETTE["blue"], "alpha": 0.6, "shrinkA": 3, "shrinkB": 0}
                axis.annotate("", (end, place), xytext=(row["share"], place), arrowprops=arrow)
        axis.plot(row["share"], place, "o", color=PALETTE["blue"], markerfacecolor=None if exact else "white")
        year = "undated" if pd.isna(row["as_of"]) else str(row["as_of"])
        axis.annotate(
            year, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=8, color=PALETTE["grey"], annotation_clip=False,
        )  # fmt: skip
    axis.set_yticks(places, [fill(name, 36) for name in part["college"]])
    axis.tick_params(axis="y", length=0)
    axis.set(xlim=(0, 1.02), ylim=(-0.7, len(part) - 0.3), title=title)
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _draw_references(axis: Axes, references: pd.DataFrame) -> None:
    for row in references.to_dict("records"):
        axis.axvline(row["share"], color=PALETTE["orange"], linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        over = "over " if row["qualifier"] == "more_than" else ""
        axis.annotate(
            f"nation {row['year']}: {over}{row['share']:.0%}", (row["share"], 1), xycoords=("data", "axes fraction"),
            xytext=(-4, -3), textcoords="offset points", fontsize=7.5, color=PALETTE["orange"], ha="right", va="top",
        )  # fmt: skip
