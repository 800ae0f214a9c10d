"""How fast and how concretely national policy arrives in a province: its documents, their dates and its statutes.

Frames are the raw tables of the same names. A document's own province counts as its author only at the level of the
province; the papers of its cities and districts are described, never counted. Dates are intervals of possible days.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chanjiao import diagnostics, figures, multiverse
from chanjiao.bias import bias_surface, corrected_shares, tipping_sensitivity
from chanjiao.claims import SUPPORTED, Rule, decide, indicator_rules
from chanjiao.figures import PALETTE
from chanjiao.multiverse import Combination, Correct, Evaluate, remembered
from chanjiao.passes import completed
from chanjiao.rowflow import RowFlow
from chanjiao.statistics import (
    Estimate,
    Interval,
    cluster_share,
    expanded_tail,
    percentile_interval,
    resample_weights,
    stratified_ratio,
    stratified_ratios,
    wilson,
)
from chanjiao.survival import largest_distance, time_ratios, weibull_reached

Tables = Mapping[str, pd.DataFrame]

# National documents that ask every province for a general answer. Joint plans of a ministry and a province, programmes
# with sign-up and departmental measures are left out: not every province could answer them.
RISK_SET = ("CN-2014-GF19", "CN-2017-GBF95", "CN-2019-GF4", "CN-2021-GZLYJ")
THEMES = ("integration", "vocational_reform")  # plans of skills, consortia or teachers do not implement one policy
DEPTHS = ("objectives", "measures")  # how far a text must be visible before its targets can be looked for
STRATA = ["theme", "excerpt_reaches"]  # within which the targets of two sides are compared
CONCRETE = {"s_number": "number", "s_deadline": "deadline", "s_resource": "resource", "s_sanction": "sanction"}
PLACES = {"score": "rank score", "rank_first": "rank", "rank_last": "rank"}
DOCUMENTS = {"documents": "policy_id"}  # left out one by one, by the column that names them
ANSWERS = {"national documents": "parent_id", "other provinces": "province_code"}
INFLUENCE_DRAWS = 400  # enough for the intervals of a figure with a dot a deletion; values need no draws
UNCOUNTED = "targets not countable in the visible text"
ALL_READ = "uncounted"  # the variant of C1.1 that keeps such documents, as stating no target

SUBSETS: dict[str, tuple[Callable[[pd.DataFrame], pd.Series], str]] = {
    "official": (lambda documents: documents["official"].eq("yes"), "source not official"),
    "measures": (lambda documents: documents["excerpt_reaches"].eq("measures"), "not read as far as its measures"),
    "themes": (lambda documents: documents["theme"].isin(THEMES), "on another theme"),
}


def documents(tables: Tables) -> pd.DataFrame:
    """Return `policies` with the count of its numeric targets that have a year, and whether its source is official.

    Adds `n_dated_targets` (rows of `policy_targets` with value and year; 0 if none) and `official` (yes, no,
    college_site).
    """
    targets = tables["policy_targets"]
    dated = targets[targets["value"].notna() & targets["target_year"].notna()].groupby("policy_id").size()
    frame = tables["policies"].merge(
        tables["sources"][["source_id", "official"]], on="source_id", how="left", validate="many_to_one"
    )
    return frame.assign(n_dated_targets=frame["policy_id"].map(dated).fillna(0).astype(int))


def own_flow(tables: Tables, province: str, *variants: str) -> RowFlow:
    """Filter the documents down to those C1.1 counts: the province's own, read far enough, targets countable.

    `variants` are keys of SUBSETS or ALL_READ.
    """
    flow = RowFlow("policies", documents(tables))
    flow.keep(flow.frame["province_code"].eq(province), "of the nation or another province")
    flow.keep(flow.frame["level"].eq("province"), "of a city or district")
    flow.keep(flow.frame["excerpt_reaches"].isin(DEPTHS), "not read as far as its objectives")
    if ALL_READ not in variants:
        # By the count alone: to keep an uncounted document because it states a target would select on the outcome.
        flow.keep(flow.frame["n_quant_targets"].notna(), UNCOUNTED)
    _keep_subsets(flow, variants)
    return flow


def _keep_subsets(flow: RowFlow, variants: Sequence[str]) -> None:
    for variant in variants:
        if variant in SUBSETS:
            rule, why = SUBSETS[variant]
            flow.keep(rule(flow.frame), why)


def dated_target_share(tables: Tables, province: str, confidence: float, rule: Rule, *variants: str) -> Estimate:
    """C1.1: share of the province's own documents that state a numeric target with its year.

    Wilson interval, each document a unit of its own (Newcombe 1998). `rule` is C1.1 of claims.yaml: `tipping` is the
    sensitivity of reading at which its supporting verdict, the unsafe one, falls.
    """
    used = own_flow(tables, province, *variants).frame
    return _share(used, used["n_dated_targets"].gt(0), confidence, rule)


def any_target_share(tables: Tables, province: str, confidence: float, rule: Rule, *variants: str) -> Estimate:
    """The looser reading of C1.1: a numeric target counts with or without its year."""
    used = own_flow(tables, province, *variants).frame
    return _share(used, _states_any_target(used), confidence, rule)


def _states_any_target(used: pd.DataFrame) -> pd.Series:
    return used["n_quant_targets"].fillna(0).gt(0) | used["n_dated_targets"].gt(0)


def _share(used: pd.DataFrame, marks: pd.Series, confidence: float, rule: Rule) -> Estimate:
    n = len(used)
    if n == 0:
        reason = (
            "policies.csv has 0 documents of the province that were read to their objectives and whose targets can be "
            f"counted; the rule needs {rule['minimum']['n']}"
        )
        return Estimate.missing(rule["unit"], 0, reason, clusters=0)
    marked = marks.astype(float)
    return Estimate(
        float(marked.mean()), wilson(marked.sum(), n, confidence), n, clusters=n, effective_n=float(n),
        tipping=_tipping(marked, used["policy_id"], confidence, rule), unit=rule["unit"],
        rows={"policies": used["policy_id"].tolist()},
    )  # fmt: skip


def _tipping(marks: pd.Series, units: pd.Series, confidence: float, rule: Rule) -> float | None:
    def supported(share: Estimate) -> bool:
        return decide(rule, share.interval) == SUPPORTED

    tipping = tipping_sensitivity([marks.rename("mark").to_frame()], 1, units, confidence, supported)
    # At full sensitivity nothing is corrected: a verdict that does not hold even there has no tipping point.
    return tipping if tipping < 1 else None


def dated_target_curve(tables: Tables, province: str, confidence: float) -> pd.DataFrame:
    """Return C1.1 corrected for targets that the stored text hides: the columns of `bias.bias_surface`."""
    used = own_flow(tables, province).frame
    marks = used["n_dated_targets"].gt(0).astype(float).rename("mark").to_frame()
    return bias_surface([marks], 1, used["policy_id"], confidence)


def others_share(tables: Tables, province: str, confidence: float, variant: str = "") -> Estimate:
    """Share of the other provinces' own documents that state a numeric target with its year, clustered by province.

    For comparison with C1.1 and its variants in SUBSETS (`statistics.cluster_share`); search effort differed.
    """
    frame = documents(tables)
    other = frame["level"].eq("province") & frame["province_code"].ne(province)
    flow = RowFlow("policies", frame[other & frame["excerpt_reaches"].isin(DEPTHS) & frame["n_quant_targets"].notna()])
    _keep_subsets(flow, [variant])
    used = flow.frame
    share = cluster_share(used["n_dated_targets"].gt(0).astype(float), used["province_code"], confidence)
    return share.with_(rows={"policies": used["policy_id"].tolist()})


def uncounted_bounds(tables: Tables, province: str) -> Interval | None:
    """Bounds of C1.1 if none, or all, of the documents whose targets cannot be counted stated one (Manski 1990).

    None where the province has no document read as far as its objectives.
    """
    flow = own_flow(tables, province)
    steps = flow.account().set_index("step")["dropped"]
    hidden, stating = int(steps[UNCOUNTED]), flow.frame["n_dated_targets"].gt(0).sum()
    read = len(flow.frame) + hidden
    return (float(stating / read), float((stating + hidden) / read)) if read else None


def comparison_flow(tables: Tables, province: str, *variants: str) -> RowFlow:
    """Filter the documents down to those C1.3 compares; `side` is 1 for the province's own, 0 for other provinces'.

    `variants` are keys of SUBSETS or ALL_READ.
    """
    flow = RowFlow("policies", documents(tables))
    flow.keep(flow.frame["level"].eq("province"), "of the nation, a city or a district")
    if ALL_READ not in variants:
        flow.keep(flow.frame["n_quant_targets"].notna(), "number of targets not countable in the visible text")
    _keep_subsets(flow, variants)
    own = flow.frame["province_code"].eq(province)
    sides = own.groupby([flow.frame[name] for name in STRATA]).transform("nunique")
    flow.keep(sides.eq(2), "no document of the other side with the same theme and depth of reading")
    flow.frame = flow.frame.assign(
        side=flow.frame["province_code"].eq(province).astype(int),
        n_quant_targets=flow.frame["n_quant_targets"].fillna(0).astype(float),
    )
    return flow


def target_rate_ratio(
    tables: Tables, province: str, confidence: float, seed: int, rule: Rule, *variants: str
) -> Estimate:
    """C1.3: numeric targets per own document over those per document of the other provinces together.

    Within theme and depth of reading (`statistics.stratified_ratio`); each document is a cluster of its own. `rule` is
    C1.3 of claims.yaml.
    """
    used = comparison_flow(tables, province, *variants).frame
    ratio = stratified_ratio(used, "n_quant_targets", "side", STRATA, "policy_id", confidence, seed)
    reason = ratio.reason and (
        f"{ratio.reason}: policies.csv has {ratio.n} comparable documents of the province and {ratio.n_other} of other "
        f"provinces; the rule needs {rule['minimum']['n']} and {rule['minimum']['n_other']}"
    )
    return ratio.with_(unit=rule["unit"], reason=reason, rows={"policies": used["policy_id"].tolist()})


def deletions(tables: Tables, province: str, confidence: float, seed: int, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """Return C1.1, C1.2 and C1.3 without each unit in turn; see `diagnostics.deletions`.

    Documents for C1.1 and C1.3 (both sides), national documents and other provinces for C1.2. `rules` are the
    indicators of C1 in claims.yaml by name.
    """

    def share(part: pd.DataFrame) -> Estimate:
        return _share(part, part["n_dated_targets"].gt(0), confidence, rules["C1.1"])

    def score(part: pd.DataFrame) -> Estimate:
        return rank_score(part, province, confidence, rules["C1.2"])

    def ratio(part: pd.DataFrame) -> Estimate:
        # No p values are shown, so nothing need be permuted.
        options = (STRATA, "policy_id", confidence, seed, INFLUENCE_DRAWS)
        return stratified_ratios(part, ["n_quant_targets"], "side", *options)["n_quant_targets"]

    answers = _comparable_answers(answers_flow(tables).frame, province)
    scores = diagnostics.deletions("C1.2", score, answers, ANSWERS)
    own = scores["deleted"].eq("other provinces") & scores["cluster"].eq(province)
    dated = own_flow(tables, province).frame[["policy_id", "n_dated_targets"]]
    compared = comparison_flow(tables, province).frame[["policy_id", *STRATA, "side", "n_quant_targets"]]
    parts = [
        diagnostics.deletions("C1.1", share, dated, DOCUMENTS),
        scores[~own],
        diagnostics.deletions("C1.3", ratio, compared, DOCUMENTS),
    ]
    return pd.concat(parts, ignore_index=True)


def days_after(date: pd.Series, parent_date: pd.Series) -> pd.DataFrame:
    """Return the first and last possible day of `date`, counted from the day `parent_date` was published.

    Texts of 4, 7 or 10 characters (a year, a month, a day); a parent known to the month only starts on its first day.
    Columns `lower` and `upper` in days, not yet cut at day 0.
    """
    start = _as_days(parent_date, _first_day)
    ends = {"lower": _as_days(date, _first_day), "upper": _as_days(date, _last_day)}
    return pd.DataFrame({name: (days - start).dt.days for name, days in ends.items()}).astype(float)


def _as_days(dates: pd.Series, end: Callable[[str], pd.Timestamp]) -> pd.Series:
    # Said in so many words, because a column without any date would hold no days but objects.
    return dates.map(end, na_action="ignore").astype("datetime64[ns]")


def _first_day(date: str) -> pd.Timestamp:
    return pd.Period(date).start_time


def _last_day(date: str) -> pd.Timestamp:
    return pd.Period(date).end_time.normalize()


def answers_flow(tables: Tables, *variants: str) -> RowFlow:
    """Find every province's first answer to each national document of RISK_SET, with the days it may have come on.

    One document answers one parent, its main one. Documents that name the parent go before those matched by title.
    Of several the first answer came between the earliest first and the earliest last possible day. A page date is an
    upper bound (lower = 0) unless page_dates is among `variants`; official keeps official sources only.

    The frame has a row per parent and province: parent_id, province_code, policy_id, date_issued, lower, upper (days).
    Provinces without a row were not found, or found without a date; neither means that they were late.
    """
    flow = RowFlow("policy_parents", _links(tables))
    flow.keep(flow.frame["parent_id"].isin(RISK_SET), "parent does not ask every province for a general answer")
    flow.keep(flow.frame["main"].eq("yes"), "document answers another parent in the first place")
    flow.keep(flow.frame["level"].eq("province"), "document of a ministry, city or district")
    if "official" in variants:
        _keep_subsets(flow, ["official"])
    named = flow.frame["parent_named"].eq("yes")
    flow.keep(named | ~_any_in_group(named, flow.frame), "another document of the province names the parent")
    flow.keep(flow.frame["date_issued"].notna(), "date of issue unknown")
    flow.frame = _with_days(flow.frame, page_dates="page_dates" in variants)
    flow.keep(flow.frame["upper"].ge(0), "older than its parent")
    _keep_first_answer(flow)
    return flow


def _links(tables: Tables) -> pd.DataFrame:
    published = tables["policies"].set_index("policy_id")["date_issued"]
    links = tables["policy_parents"].merge(documents(tables), on="policy_id", validate="many_to_one")
    return links.assign(parent_date=links["parent_id"].map(published))


def _any_in_group(mask: pd.Series, frame: pd.DataFrame) -> pd.Series:
    return mask.groupby([frame["parent_id"], frame["province_code"]]).transform("any")


def _with_days(frame: pd.DataFrame, page_dates: bool) -> pd.DataFrame:
    days = days_after(frame["date_issued"], frame["parent_date"])
    bound_only = frame["date_kind"].eq("page_date") & (not page_dates)
    return frame.assign(lower=days["lower"].clip(lower=0).mask(bound_only, 0.0), upper=days["upper"])


def _keep_first_answer(flow: RowFlow) -> None:
    keys = ["parent_id", "province_code"]
    ordered = flow.frame.sort_values([*keys, "upper", "lower", "policy_id"])
    flow.frame = ordered.assign(lower=ordered.groupby(keys)["lower"].transform("min"))
    flow.keep(~flow.frame.duplicated(keys), "a later answer of the same province")


def shifted(answers: pd.DataFrame, province: str, variant: str) -> pd.DataFrame:
    """Move every date to one end of its interval: all in favour of the province (earliest) or against it (latest)."""
    own = answers["province_code"].eq(province)
    at_first = own if variant == "earliest" else ~own
    day = answers["lower"].where(at_first, answers["upper"])
    return answers.assign(lower=day, upper=day)


def gehan_scores(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return for each time the mean comparison with every other: +1 certainly later, -1 certainly earlier, 0 unknown.

    Times are closed intervals. Gehan, Biometrika 52 (1965), 203-223, in Mantel's form (Biometrics 23 (1967), 65-78),
    divided by the number of comparisons: in [-1, 1], 0 is the middle, also for a time alone.
    """
    later = (lower[:, None] > upper[None, :]).astype(float)
    return (later - later.T).sum(axis=1) / max(len(lower) - 1, 1)


def mean_permutations(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Return every equally likely mean when each group gives one of its scores, independently of the others, sorted."""
    sums = reduce(lambda total, group: np.add.outer(total, group).ravel(), scores)
    return np.sort((sums / len(scores)).round(12))


def rank_score(answers: pd.DataFrame, province: str, confidence: float, rule: Rule) -> Estimate:
    """C1.2: mean over the parents of the province's Gehan score among all provinces with a dated answer.

    In [-1, 1], above 0 slower than the others. The null distribution is exact: within a parent each province is equally
    likely to hold the province's place. The interval inverts that test, score minus the quantiles of the null, cut to
    [-1, 1] (Lehmann, Nonparametrics, 1975, chapter 2); the p value is twice the smaller tail. n counts the other
    provinces compared with, clusters the parents answered. `rule` is C1.2 of claims.yaml.
    """
    compared = _comparable_answers(answers, province)
    if compared.empty:
        return Estimate.missing(rule["unit"], 0, _no_answer(answers, province, rule), clusters=0)
    groups = [group for _, group in compared.groupby("parent_id", sort=True)]
    scores = _gehan_scores(groups)
    own = [
        score[group["province_code"].eq(province).to_numpy()].item()
        for score, group in zip(scores, groups, strict=True)
    ]
    value, null = round(float(np.mean(own)), 12), mean_permutations(scores)
    others = compared["province_code"].nunique() - 1
    interval = _inverted(value, null, confidence) if null[-1] > null[0] else None
    return Estimate(
        value, interval, others, len(groups), effective_n=float(others), p_value=_two_sided(value, null),
        unit=rule["unit"], reason=None if interval else "no interval: the dates tell no two provinces apart",
        rows={"policy_parents": compared[["policy_id", "parent_id"]].to_numpy().tolist()},
    )  # fmt: skip


def _comparable_answers(answers: pd.DataFrame, province: str) -> pd.DataFrame:
    by_parent = answers.groupby("parent_id")["province_code"]
    answered = by_parent.transform(lambda codes: province in set(codes) and len(codes) > 1)
    return answers[answered.astype(bool)]


def _gehan_scores(groups: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    return [gehan_scores(group["lower"].to_numpy(), group["upper"].to_numpy()) for group in groups]


def null_scores(answers: pd.DataFrame, province: str) -> np.ndarray:
    """Return the exact null distribution behind C1.2, sorted: every score that chance could have given the province.

    Empty where the province has no answer to compare. `answers` is the frame of `answers_flow`.
    """
    compared = _comparable_answers(answers, province)
    groups = [group for _, group in compared.groupby("parent_id", sort=True)]
    return mean_permutations(_gehan_scores(groups)) if groups else np.array([])


def _no_answer(answers: pd.DataFrame, province: str, rule: Rule) -> str:
    there = int(answers["province_code"].eq(province).sum())
    return (
        f"policy_parents.csv has {there} dated answers of the province to the {len(RISK_SET)} national documents that "
        f"every province was asked to answer, and 0 other provinces to compare with; the rule needs "
        f"{rule['minimum']['n']}"
    )


def _inverted(value: float, null: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    first, last = np.quantile(null, [tail, 1 - tail], method="inverted_cdf")
    return max(-1.0, value - float(last)), min(1.0, value - float(first))


def _two_sided(value: float, null: np.ndarray) -> float:
    return float(min(1.0, 2 * min((null <= value).mean(), (null >= value).mean())))


def promptness(tables: Tables, province: str, confidence: float, rule: Rule, *variants: str) -> Estimate:
    """C1.2 with its variants: official, page_dates, earliest, latest (see `answers_flow` and `shifted`).

    `rule` is C1.2 of claims.yaml.
    """
    answers = answers_flow(tables, *variants).frame
    for variant in variants:
        if variant in ("earliest", "latest"):
            answers = shifted(answers, province, variant)
    return rank_score(answers, province, confidence, rule)


def parent_scores(answers: pd.DataFrame, province: str) -> pd.DataFrame:
    """Return the province's place under each parent of RISK_SET, one row a parent, answered or not.

    Columns: parent_id, dated (provinces with a dated answer), lower, upper (days of the province's own answer), score,
    rank_first, rank_last (the places it may hold, 1 is the fastest).
    """
    places = [_place(parent, answers[answers["parent_id"].eq(parent)], province) for parent in RISK_SET]
    return pd.DataFrame(places, columns=["parent_id", "dated", "lower", "upper", *PLACES])


def _place(parent: str, group: pd.DataFrame, province: str) -> dict[str, Any]:
    own = group[group["province_code"].eq(province)]
    place: dict[str, Any] = {"parent_id": parent, "dated": len(group)}
    if own.empty:
        return place
    lower, upper = own["lower"].item(), own["upper"].item()
    before, after = int(group["upper"].lt(lower).sum()), int(group["lower"].gt(upper).sum())
    ranks = {"rank_first": 1 + before, "rank_last": len(group) - after}
    score = (before - after) / (len(group) - 1) if len(group) > 1 else np.nan
    return {**place, "lower": lower, "upper": upper, "score": score, **ranks}


def place_estimates(places: pd.DataFrame) -> dict[str, Estimate]:
    """Turn `parent_scores` into estimates by name: the parent's slug and days_first, days_last or a name of PLACES."""
    units = {"lower": "days", "upper": "days", **PLACES}
    names = {"lower": "days_first", "upper": "days_last"}
    return {
        f"{slug(place['parent_id'])}_{names.get(column, column)}": _or_missing(
            place[column], unit, place["dated"], "policy_parents.csv holds no dated answer of the province to compare"
        )
        for place in places.to_dict("records")
        for column, unit in units.items()
    }


def _or_missing(value: float, unit: str, n: int, reason: str) -> Estimate:
    return Estimate.missing(unit, n, reason) if pd.isna(value) else Estimate(float(value), n=n, unit=unit)


def slug(identifier: str) -> str:
    """Return an id as part of the name of a result.

    >>> slug("CN-2019-GF4")
    'cn_2019_gf4'
    """
    return identifier.lower().replace("-", "_")


def search_outcomes(tables: Tables) -> pd.DataFrame:
    """Return how many provinces answered each parent of RISK_SET: parent_id, found (a document), dated, not_found."""
    links = _links(tables)
    found = links[links["parent_id"].isin(RISK_SET) & links["main"].eq("yes") & links["level"].eq("province")]
    dated = answers_flow(tables).frame
    counts = pd.DataFrame(
        {
            "found": found.groupby("parent_id")["province_code"].nunique(),
            "dated": dated.groupby("parent_id")["province_code"].nunique(),
        }
    ).reindex(RISK_SET, fill_value=0)
    provinces = tables["provinces"]["region"].notna().sum()
    return counts.assign(not_found=provinces - counts["found"]).rename_axis("parent_id").reset_index()


def turnbull(
    lower: np.ndarray, upper: np.ndarray, weights: np.ndarray | None = None, tolerance: float = 1e-6
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the distribution of times known as closed intervals (Turnbull, JRSS B 38 (1976), 290-295).

    `weights` has a row a sample and a column a time (all 1 by default), so that bootstrap samples run side by side.
    Returns the innermost intervals (k x 2) and their masses (samples x k), by self-consistency. Raises ValueError for a
    time below 0 or an interval that ends before it begins.
    """
    if (lower < 0).any() or (upper < lower).any():
        raise ValueError("a transposition time is negative or ends before it begins; cut it at day 0 first")
    innermost = _innermost(lower, upper)
    holds = ((lower[:, None] <= innermost[:, 0]) & (innermost[:, 1] <= upper[:, None])).astype(float)
    sample = np.ones((1, len(lower))) if weights is None else weights
    shares = sample / sample.sum(axis=1, keepdims=True)
    mass = np.full((len(sample), len(innermost)), 1 / len(innermost))
    for _ in range(5000):
        updated = mass * ((shares / np.maximum(mass @ holds.T, 1e-300)) @ holds)
        moved, mass = np.abs(updated - mass).max(), updated
        if moved < tolerance:
            break
    return innermost, mass


def _innermost(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    # At equal days a left end sorts before a right end: closed intervals that touch share that day.
    ends = sorted([(day, 0) for day in set(lower)] + [(day, 1) for day in set(upper)])
    return np.array([(one[0], two[0]) for one, two in zip(ends, ends[1:], strict=False) if one[1] == 0 and two[1] == 1])


def transposition_curves(answers: pd.DataFrame, confidence: float, seed: int, draws: int = 2000) -> pd.DataFrame:
    """Return Turnbull's estimate of the share of dated provinces that had answered, per parent, with a bootstrap.

    One row an innermost interval: parent_id, first, last (days), mass, cumulative (reached at `last`), low, high (an
    expanded percentile interval of `cumulative`; provinces are resampled). Parents in the order of RISK_SET.
    """
    rng = np.random.default_rng(seed)
    curves = []
    for parent, group in answers.groupby("parent_id", sort=True):
        innermost, mass, simulated = _resampled_turnbull(group, rng, draws)
        reached = simulated.cumsum(axis=1)
        # Four digits: what self-consistency leaves open lies behind them.
        # A single province resamples to itself, whatever is left out at the ends.
        tail = expanded_tail(confidence, max(len(group), 2))
        bounds = np.quantile(reached, [tail, 1 - tail], axis=0).clip(0, 1).round(4)
        curve = pd.DataFrame({"parent_id": parent, "first": innermost[:, 0], "last": innermost[:, 1]})
        reached_by = mass.cumsum().clip(0, 1).round(4)
        curves.append(curve.assign(mass=mass.round(4), cumulative=reached_by, low=bounds[0], high=bounds[1]))
    columns = ["parent_id", "first", "last", "mass", "cumulative", "low", "high"]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=columns, dtype=float)


def _resampled_turnbull(
    group: pd.DataFrame, rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lower, upper, n = group["lower"].to_numpy(), group["upper"].to_numpy(), len(group)
    innermost, mass = turnbull(lower, upper)
    weights = resample_weights(n, rng, draws)
    return innermost, mass[0], turnbull(lower, upper, weights, tolerance=1e-4)[1]


def transposition_medians(answers: pd.DataFrame, confidence: float, seed: int, draws: int = 2000) -> pd.DataFrame:
    """Return the day by which half of the dated provinces had answered, at the latest, per parent.

    Columns: parent_id, n (dated provinces), median, low, high (days; expanded percentile interval over provinces).
    """
    rng = np.random.default_rng(seed)
    medians = []
    for parent, group in answers.groupby("parent_id", sort=True):
        innermost, mass, simulated = _resampled_turnbull(group, rng, draws)
        found = percentile_interval(_median_days(innermost, simulated), confidence, len(group))
        low, high = found or (np.nan, np.nan)
        medians.append((parent, len(group), _median_days(innermost, mass[None]).item(), low, high))
    return pd.DataFrame(medians, columns=["parent_id", "n", "median", "low", "high"])


def _median_days(innermost: np.ndarray, mass: np.ndarray) -> np.ndarray:
    # The margin covers what self-consistency leaves open, so that a half reached exactly counts as reached.
    return innermost[(mass.cumsum(axis=1) >= 0.5 - 1e-3).argmax(axis=1), 1]


def weibull_ratios(answers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Compare the transposition times of the parents by a Weibull model; see `survival.time_ratios` for the columns.

    A province that answers several parents is one cluster.
    """
    return time_ratios(answers, "parent_id", "province_code", confidence)


def weibull_fit(answers: pd.DataFrame, ratios: pd.DataFrame) -> pd.DataFrame:
    """Return how far the model of `weibull_ratios` lies from Turnbull's estimate.

    One row a parent: parent_id, n, scale, shape, day (of the largest vertical distance), turnbull, weibull (what each
    has reached there), distance. No test: where most dates are upper bounds, Turnbull's estimate heaps them on a known
    day that they all contain, and a distance speaks against it as much as against the model.
    """
    rows = []
    for row in ratios.to_dict("records"):
        group = answers[answers["parent_id"].eq(row["parent_id"])]
        innermost, mass = turnbull(group["lower"].to_numpy(), group["upper"].to_numpy())
        rows.append(largest_distance(innermost, mass[0], row["scale"], row["shape"]))
    furthest = pd.DataFrame(rows, columns=["day", "turnbull", "weibull"])
    fit = ratios[["parent_id", "n", "scale", "shape"]].join(furthest)
    return fit.assign(distance=(fit["turnbull"] - fit["weibull"]).abs())


def variants(
    tables: Tables, province: str, confidence: float, seed: int, rules: Mapping[str, Rule]
) -> dict[str, dict[str, Estimate]]:
    """Return every indicator under each choice it can be varied by: {indicator: {variant of claims.yaml: estimate}}.

    `rules` are the indicators of C1 in claims.yaml by name.
    """
    dates = ("official", "page_dates", "earliest", "latest")
    first, second, third = (rules[name] for name in ("C1.1", "C1.2", "C1.3"))
    return {
        "c1_1": {name: dated_target_share(tables, province, confidence, first, name) for name in (*SUBSETS, ALL_READ)},
        "c1_2": {name: promptness(tables, province, confidence, second, name) for name in dates},
        "c1_3": {name: target_rate_ratio(tables, province, confidence, seed, third, name) for name in SUBSETS},
    }


# The multiverse

# What each level of a choice means for the functions above: a variant, or nothing where it is printed.
LEVELS: dict[str, dict[str, tuple[str, ...]]] = {
    "sources": {"all": (), "official": ("official",)},
    "targets": {"dated": (), "any": ()},
    "counted": {"countable": (), "all": (ALL_READ,)},
    "themes": {"all": (), "own": ("themes",)},
    "reading": {"objectives": (), "measures": ("measures",)},
    "page_dates": {"bound": (), "issue": ("page_dates",)},
    "dates": {"interval": (), "earliest": ("earliest",), "latest": ("latest",)},
}


def specifications(
    tables: Tables, province: str, confidence: float, claims: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Return the three indicators under every combination of the choices in claims.yaml (`multiverse.specifications`).

    `claims` is claims.yaml.
    """
    rules = indicator_rules(claims)
    stating, corrected = _stating_by_choice(tables, province, confidence, rules["C1.1"])

    def prompt(choice: Combination) -> Estimate:
        return promptness(tables, province, confidence, rules["C1.2"], *_variants_of(choice))

    def ratio(choice: Combination) -> Estimate:
        return target_rate_ratio(tables, province, confidence, seed, rules["C1.3"], *_variants_of(choice))

    found = [
        multiverse.specifications(claims, "C1.1", stating, LEVELS, confidence, corrected),
        multiverse.specifications(claims, "C1.2", prompt, LEVELS, confidence),
        multiverse.specifications(claims, "C1.3", ratio, LEVELS, confidence),
    ]
    return pd.concat(found, ignore_index=True)


def _variants_of(choice: Combination) -> list[str]:
    return [variant for factor, level in choice.items() for variant in LEVELS.get(factor, {}).get(level, ())]


def _stating_by_choice(tables: Tables, province: str, confidence: float, rule: Rule) -> tuple[Evaluate, Correct]:
    factors = ("sources", "counted", "themes", "reading")
    read = remembered(lambda choice: own_flow(tables, province, *_variants_of(choice)).frame, *factors)

    def marks(choice: Combination) -> pd.Series:
        used = read(choice)
        stated = {"dated": used["n_dated_targets"].gt(0), "any": _states_any_target(used)}
        return stated[choice["targets"]].astype(float)

    def share(choice: Combination) -> Estimate:
        return _share(read(choice), marks(choice), confidence, rule)

    def corrected(choice: Combination) -> Mapping[float, Estimate]:
        return corrected_shares([marks(choice).to_frame()], 1, read(choice)["policy_id"], confidence)

    return share, corrected


def articles(tables: Tables, categories: str = "a") -> pd.DataFrame:
    """Return every coded article with its statute and codes; marks are the mean of both passes.

    Columns of `provisions` and `provision_documents`, then relevant and operative (truth values; from the pass
    `categories`, "a" or "b") and number, deadline, resource, sanction in [0, 1]. An operative article is relevant to
    the integration of industry and education and does more than declare. An article coded in one pass only has that
    pass's codes in both (`passes.completed`, which says what it refuses).
    """
    a, b = completed(tables["provisions"]["unit_id"], tables["provisions_a"], tables["provisions_b"])
    marks = ((a[list(CONCRETE)] + b[list(CONCRETE)]) / 2).astype(float).rename(columns=CONCRETE)
    codes = a if categories == "a" else b
    relevant = codes["relevance"].eq(1)
    marks = marks.assign(relevant=relevant, operative=relevant & codes["modality"].ne("declare"))
    units = tables["provisions"].merge(
        tables["provision_documents"].drop(columns="source_id"), on="document_id", validate="many_to_one"
    )
    return units.merge(marks, left_on="unit_id", right_index=True, validate="one_to_one")


def articles_flow(tables: Tables, categories: str = "a") -> RowFlow:
    """Filter the articles down to the operative relevant ones of statutes that are coded completely."""
    flow = RowFlow("provisions", articles(tables, categories))
    flow.keep(flow.frame["coverage"].eq("complete"), "statute seen in fragments only")
    flow.keep(flow.frame["relevant"], "not about industry and education")
    flow.keep(flow.frame["operative"], "declares only")
    return flow


def law_in_force(statutes: pd.DataFrame, day: str | None = None) -> str | None:
    """Return the id of the national law in force on `day` (the newest one without a day), None if there was none.

    `statutes` is `provision_documents`; dates of any precision compare as text.
    """
    laws = statutes[statutes["level"].eq("national")].sort_values("date_in_force")
    if day is not None:
        laws = laws[laws["date_in_force"].le(day)]
    return None if laws.empty else str(laws["document_id"].iloc[-1])


def concreteness(tables: Tables, categories: str = "a") -> pd.DataFrame:
    """Return how concrete each completely coded statute is: a census, described without an interval.

    One row a statute by date of adoption: document_id, title_zh, title_en, province_code, level, date_adopted, law_id
    (the national law in force on that day, missing where there was none), n (operative relevant articles), and the
    share of them with a number, deadline, resource and sanction.
    """
    statutes = tables["provision_documents"]
    grouped = articles_flow(tables, categories).frame.groupby("document_id")
    shares = grouped[list(CONCRETE.values())].mean().assign(n=grouped.size())
    columns = ["document_id", "title_zh", "title_en", "province_code", "level", "date_adopted"]
    frame = statutes.loc[statutes["coverage"].eq("complete"), columns]
    local = frame["level"].ne("national")
    law = frame["date_adopted"].map(lambda day: law_in_force(statutes, day)).where(local)
    frame = frame.assign(law_id=law).join(shares, on="document_id")
    frame = frame.assign(n=frame["n"].fillna(0).astype(int))
    return frame.sort_values(["date_adopted", "document_id"], ignore_index=True)


def statute_estimates(shares: pd.DataFrame) -> dict[str, Estimate]:
    """Turn `concreteness` into estimates by name, the statute's slug and the mark; a census, hence without interval."""
    return {
        f"{slug(row['document_id'])}_{mark}": _or_missing(
            row[mark], "share", row["n"], f"provisions.csv has no operative article of {row['document_id']}"
        )
        for row in shares.to_dict("records")
        for mark in CONCRETE.values()
    }


def fragments(tables: Tables, province: str) -> pd.DataFrame:
    """Return the province's statutes known in part: document_id, titles, level, date_adopted, n (articles), relevant.

    Opening articles are no sample of a statute, so they enter no share.
    """
    frame = articles(tables)
    own = frame[frame["coverage"].eq("fragments") & frame["province_code"].eq(province)]
    keys = ["document_id", "title_zh", "title_en", "level", "date_adopted"]
    return own.groupby(keys, as_index=False, dropna=False).agg(n=("unit_id", "size"), relevant=("relevant", "sum"))


def in_force(tables: Tables, province: str) -> pd.DataFrame:
    """Return the relevant articles in force for the province: of the newest national law and its own complete statutes.

    A statute of a city counts for its province.
    """
    frame = articles(tables)
    law = law_in_force(tables["provision_documents"])
    binding = frame["document_id"].isin([law]) | frame["province_code"].eq(province)
    return frame[binding & frame["coverage"].eq("complete") & frame["relevant"]]


def provision_coverage(tables: Tables, province: str, patterns: Mapping[str, str]) -> pd.DataFrame:
    """Count the relevant articles in force whose gloss matches each pattern (case ignored).

    `patterns` maps a remedy or direction to its regular expression. Columns: code, n (articles searched), found, share
    (missing without articles), fragments (matching relevant articles of the province's statutes known in part, which
    enter no share), unit_ids.
    """
    searched, partial = in_force(tables, province), articles(tables)
    partial = partial[partial["coverage"].eq("fragments") & partial["province_code"].eq(province) & partial["relevant"]]
    rows = []
    for code, pattern in patterns.items():
        found = searched[_mentions(searched, pattern)]
        share = len(found) / len(searched) if len(searched) else np.nan
        rows.append(
            (code, len(searched), len(found), share, int(_mentions(partial, pattern).sum()), found["unit_id"].tolist())
        )
    return pd.DataFrame(rows, columns=["code", "n", "found", "share", "fragments", "unit_ids"])


def _mentions(frame: pd.DataFrame, pattern: str) -> pd.Series:
    return frame["gloss_en"].str.contains(pattern, case=False, regex=True).astype(bool)


def coverage_estimates(coverage: pd.DataFrame) -> dict[str, Estimate]:
    """Turn `provision_coverage` into estimates by name: coverage_ and the code; a census, hence without interval."""
    return {
        f"coverage_{row['code'].lower()}": _or_missing(
            row["share"], "share", row["n"], "provisions.csv has no relevant article in force for the province"
        ).with_(rows={"provisions": row["unit_ids"]})
        for row in coverage.to_dict("records")
    }


def document_counts(tables: Tables, province: str) -> pd.DataFrame:
    """Count the province's documents: one row a theme, columns province, city, district and total; largest first."""
    own = tables["policies"][tables["policies"]["province_code"].eq(province)]
    counts = pd.crosstab(own["theme"], own["level"]).reindex(columns=["province", "city", "district"], fill_value=0)
    counts = counts.assign(total=counts.sum(axis=1)).rename_axis(columns=None).reset_index()
    return counts.sort_values(["total", "theme"], ascending=[False, True], ignore_index=True)


def own_targets(tables: Tables, province: str) -> pd.DataFrame:
    """Return the numeric targets in the province's own documents, with the document's titles, by year and document."""
    titles = tables["policies"].query("level == 'province'")
    columns = ["policy_id", "title_zh", "title_en"]
    own = titles.loc[titles["province_code"].eq(province), columns]
    targets = tables["policy_targets"].merge(own, on="policy_id", validate="many_to_one")
    return targets.sort_values(["target_year", "policy_id", "target_no"], ignore_index=True)


def timeline(tables: Tables, province: str) -> pd.DataFrame:
    """Return the province's dated documents under their national parents.

    Columns: policy_id, title_zh, title_en, level, date_issued, first, last (days as timestamps), parent_id, parent_zh,
    parent_en, parent_day; the parent's are missing where none is known or it has no date.
    """
    policies = tables["policies"]
    own = policies[policies["province_code"].eq(province) & policies["date_issued"].notna()]
    main = tables["policy_parents"].query("main == 'yes'")[["policy_id", "parent_id"]]
    parents = policies[["policy_id", "title_zh", "title_en", "date_issued"]].set_axis(
        ["parent_id", "parent_zh", "parent_en", "parent_date"], axis="columns"
    )
    frame = own.merge(main, on="policy_id", how="left", validate="one_to_one").merge(
        parents, on="parent_id", how="left", validate="many_to_one"
    )
    frame = frame.assign(
        first=frame["date_issued"].map(_first_day),
        last=frame["date_issued"].map(_last_day),
        parent_day=frame["parent_date"].map(_first_day, na_action="ignore").astype("datetime64[ns]"),
    )
    columns = ["policy_id", "title_zh", "title_en", "level", "date_issued", "first", "last"]
    frame = frame[[*columns, "parent_id", "parent_zh", "parent_en", "parent_day"]]
    return frame.sort_values(["first", "last", "policy_id"], ignore_index=True)


def interval_lines(estimates: Mapping[str, Estimate], highlighted: str = "") -> pd.DataFrame:
    """Return estimates as lines of `figures.interval_plot`, the one labelled `highlighted` in another colour."""
    bounds = {label: estimate.interval or (np.nan, np.nan) for label, estimate in estimates.items()}
    return pd.DataFrame(
        {
            "label": list(estimates),
            "value": [np.nan if one.value is None else one.value for one in estimates.values()],
            "low": [low for low, _ in bounds.values()],
            "high": [high for _, high in bounds.values()],
            "n": [one.n for one in estimates.values()],
            "colour": ["orange" if label == highlighted else "blue" for label in estimates],
        }
    )


def answer_grid(tables: Tables, province: str, language: str) -> pd.DataFrame:
    """Return every province's answer to every parent of RISK_SET, provinces from the promptest to the slowest.

    Columns: place (0 is the promptest, by mean Gehan score; provinces without a dated answer come last), province_code,
    label (name in `language`), own, parent_id, lower, upper (days), status (dated, no date, not found).
    """
    answers = answers_flow(tables).frame
    provinces = tables["provinces"].loc[tables["provinces"]["region"].notna(), ["province_code", f"name_{language}"]]
    provinces = provinces.set_axis(["province_code", "label"], axis="columns")
    order = provinces["province_code"].map(_mean_scores(answers)).sort_values(kind="stable").index
    ranked = provinces.loc[order].assign(place=range(len(provinces)), own=provinces["province_code"].eq(province))
    grid = ranked.merge(pd.DataFrame({"parent_id": RISK_SET}), how="cross").merge(
        answers[["province_code", "parent_id", "lower", "upper"]], how="left", on=["province_code", "parent_id"]
    )
    links = _links(tables)
    links = links[links["main"].eq("yes") & links["level"].eq("province")]
    found = set(zip(links["province_code"], links["parent_id"], strict=True))
    seen = [pair in found for pair in zip(grid["province_code"], grid["parent_id"], strict=True)]
    return grid.assign(status=np.where(grid["upper"].notna(), "dated", np.where(seen, "no date", "not found")))


def _mean_scores(answers: pd.DataFrame) -> pd.Series:
    scored = [
        group.assign(score=gehan_scores(group["lower"].to_numpy(), group["upper"].to_numpy()))
        for _, group in answers.groupby("parent_id", sort=True)
    ]
    return pd.concat(scored).groupby("province_code")["score"].mean() if scored else pd.Series(dtype=float)


def draw_answers(grid: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw `answer_grid`: a panel a parent, a line a province; a dot is a known day, a bar the days that are possible.

    `titles` maps parent_id to the panel's title. A ring at the left stands for an answer without a date; nothing for an
    answer that was not found. The province's own line is marked.
    """
    parents = list(dict.fromkeys(grid["parent_id"]))
    lines = grid.drop_duplicates("place")
    figure, axes = figures.new(1.3 + 0.19 * len(lines), columns=len(parents), sharex=True, sharey=True)
    for axis, parent in zip(axes[0], parents, strict=True):
        _draw_answers_panel(axis, grid[grid["parent_id"].eq(parent)])
        axis.set_title(_wrapped(titles[parent], 25, 6), fontsize=7.5)
    axes[0, 0].set_yticks(lines["place"], lines["label"])
    axes[0, 0].set_ylim(len(lines) - 0.4, -0.6)
    axes[0, 0].set_xticks(range(0, int(grid["upper"].fillna(0).max()) + 365, 365))
    for label, own in zip(axes[0, 0].get_yticklabels(), lines["own"], strict=True):
        label.set_color(PALETTE["orange" if own else "ink"])
    figure.supxlabel("days from the publication of the national document to the province's first answer", fontsize=9)
    return figure


def _draw_answers_panel(axis: Axes, panel: pd.DataFrame) -> None:
    for row in panel.to_dict("records"):
        place, days, colour = row["place"], [row["lower"], row["upper"]], PALETTE["orange" if row["own"] else "blue"]
        if row["own"]:
            axis.axhspan(place - 0.5, place + 0.5, color=PALETTE["orange"], alpha=0.1, linewidth=0)
        if row["status"] == "no date":
            axis.plot([0], [place], "o", color=colour, markersize=4, fillstyle="none", markeredgewidth=0.8)
        elif row["status"] == "dated" and days[0] == days[1]:
            axis.plot(days[:1], [place], "o", color=colour, markersize=4)
        elif row["status"] == "dated":
            axis.plot(days, [place] * 2, color=colour, linewidth=3.2, alpha=0.6, solid_capstyle="butt")
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def draw_curves(curves: pd.DataFrame, own: pd.DataFrame, titles: Mapping[str, str], name: str) -> Figure:
    """Draw `transposition_curves`, a panel a parent, with the days on which the province's own answer may have come.

    `own` is `parent_scores`, `titles` maps parent_id to the panel's title, `name` is the province's.
    """
    if curves.empty:
        return figures.no_data("no province has a dated answer")
    parents = list(dict.fromkeys(curves["parent_id"]))
    figure, axes = _parent_panels(parents, titles)
    for axis, parent in zip(axes, parents, strict=True):
        _draw_curve(axis, curves[curves["parent_id"].eq(parent)], curves["last"].max())
        _draw_own_days(axis, own[own["parent_id"].eq(parent)], name)
    return figure


def _draw_curve(axis: Axes, curve: pd.DataFrame, end: float) -> None:
    days = np.concatenate([[0], curve["last"], [end]])
    low, high, reached = (
        np.concatenate([[0], curve[column], [1]]) for column in ("low", "high", "cumulative")
    )  # fmt: skip
    axis.fill_between(days, low, high, step="post", color=PALETTE["sky"], alpha=0.3, linewidth=0)
    axis.step(days, reached, where="post", color=PALETTE["blue"], linewidth=1.8)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def draw_weibull(curves: pd.DataFrame, fit: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the Weibull model (`weibull_fit`) over Turnbull's estimate (`transposition_curves`), a panel a parent.

    A vertical line marks their largest distance.
    """
    if fit.empty:
        return figures.no_data("no province has a dated answer to a national document")
    figure, axes = _parent_panels(list(fit["parent_id"]), titles)
    days = np.linspace(0, curves["last"].max(), 200)
    for axis, row in zip(axes, fit.to_dict("records"), strict=True):
        _draw_curve(axis, curves[curves["parent_id"].eq(row["parent_id"])], curves["last"].max())
        axis.plot(days, weibull_reached(days, row["scale"], row["shape"]), color=PALETTE["orange"], linewidth=1.6)
        axis.plot([row["day"]] * 2, [row["turnbull"], row["weibull"]], color=PALETTE["ink"], linewidth=1.6)
        note = f"n = {row['n']}, largest distance {row['distance']:.2f}"
        axis.text(0.98, 0.06, note, transform=axis.transAxes, ha="right", fontsize=8)
    return figure


def _parent_panels(parents: Sequence[str], titles: Mapping[str, str]) -> tuple[Figure, list[Axes]]:
    """A panel a parent for curves of the share of provinces, two beside each other."""
    rows = -(-len(parents) // 2)
    figure, axes = figures.new(0.5 + 2.2 * rows, rows=rows, columns=2, sharex=True, sharey=True)
    for axis in axes.flat[len(parents) :]:
        axis.set_axis_off()
    for axis, parent in zip(axes.flat, parents, strict=False):
        axis.set_title(_wrapped(titles[parent], 60, 2), fontsize=7.5)
        axis.set_ylim(0, 1.04)
    figure.supxlabel("days after the publication of the national document", fontsize=9)
    figure.supylabel("share of the dated provinces", fontsize=9)
    return figure, list(axes.flat[: len(parents)])


def _draw_own_days(axis: Axes, own: pd.DataFrame, name: str) -> None:
    if own["lower"].isna().all():
        axis.text(
            0.98,
            0.06,
            f"{name}: no dated answer",
            transform=axis.transAxes,
            ha="right",
            fontsize=8,
            color=PALETTE["grey"],
        )
        return
    first, last = own["lower"].item(), own["upper"].item()
    axis.plot([first, last], [0.05] * 2, color=PALETTE["orange"], linewidth=5, solid_capstyle="butt", alpha=0.6)
    axis.plot([last], [0.05], "o" if first == last else "", color=PALETTE["orange"], markersize=5.5)
    axis.annotate(
        name, (last, 0.05), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, color=PALETTE["orange"]
    )  # fmt: skip


def draw_statutes(shares: pd.DataFrame, province: str, language: str) -> Figure:
    """Draw `concreteness`: a panel a mark, a line a statute, with the national law in force when it was adopted.

    A filled dot is the statute (orange if it is the province's, dark if national), a ring the national law.
    """
    figure, axes = figures.new(1.1 + 0.3 * len(shares), columns=len(CONCRETE), sharey=True, sharex=True)
    law = shares.set_index("document_id")
    colours = np.where(shares["province_code"].eq(province), "orange", "blue")
    colours = np.where(shares["level"].eq("national"), "ink", colours)
    for axis, mark in zip(axes[0], CONCRETE.values(), strict=True):
        national = shares["law_id"].map(law[mark])
        axis.hlines(shares.index, national, shares[mark], color=PALETTE["light"], linewidth=1.5)
        axis.plot(national, shares.index, "o", color=PALETTE["grey"], markersize=6, fillstyle="none")
        axis.scatter(shares[mark], shares.index, color=[PALETTE[colour] for colour in colours], s=30, zorder=3)
        axis.set_title(f"a {mark}")
        axis.grid(axis="x")
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.xaxis.set_major_formatter("{x:.0%}")
    labels = shares["date_adopted"].str[:4] + " " + shares[f"title_{language}"]
    labels = labels.map(lambda label: _wrapped(label, 46, 3)) + shares["n"].map(" (n = {})".format)
    axes[0, 0].set_yticks(shares.index, labels, fontsize=7)
    axes[0, 0].set_ylim(len(shares) - 0.4, -0.6)
    figure.supxlabel("share of the operative articles on industry and education", fontsize=9)
    return figure


def draw_timeline(frame: pd.DataFrame, language: str) -> Figure:
    """Draw `timeline`: a line a national parent, its date (diamond) and the province's documents (dots, bars)."""
    if frame.empty:
        return figures.no_data("no document of the province has a date")
    lines = _timeline_lines(frame, language)
    figure, axes = figures.new(0.9 + 0.3 * (lines["line"].max() + 1))
    axis = axes[0, 0]
    for row in lines.to_dict("records"):
        _draw_document(axis, row)
    labels = lines.drop_duplicates("line")
    axis.set_yticks(labels["line"], labels["label"], fontsize=7.5)
    axis.set_ylim(lines["line"].max() + 0.6, -0.6)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    return figure


def _draw_document(axis: Axes, row: Mapping[Any, Any]) -> None:
    line, first, last = row["line"], row["first"], row["last"]
    colour = PALETTE["blue" if row["level"] == "province" else "sky"]
    if pd.notna(row["parent_day"]):
        axis.plot([row["parent_day"], first], [line] * 2, color=PALETTE["light"], linewidth=1.2, zorder=1)
        axis.plot([row["parent_day"]], [line], "D", color=PALETTE["ink"], markersize=5)
    axis.plot([first, last], [line] * 2, color=colour, linewidth=5, alpha=0.45, zorder=2, solid_capstyle="butt")
    axis.plot([first + (last - first) / 2], [line], "o", color=colour, markersize=5, zorder=3)


def _timeline_lines(frame: pd.DataFrame, language: str) -> pd.DataFrame:
    parent = frame[f"parent_{language}"].fillna(frame["parent_id"])
    label = parent.map(lambda title: _wrapped(title, 54, 2), na_action="ignore").astype("str")
    ordered = frame.assign(label=label.fillna("no national parent seen"), alone=parent.isna())
    ordered = ordered.sort_values(["alone", "parent_day", "label", "first", "policy_id"], kind="stable")
    return ordered.assign(line=pd.factorize(ordered["label"])[0])


def _wrapped(title: str, width: int, lines: int) -> str:
    # Chinese characters are twice as wide and have no spaces to break at.
    chinese = any(character > "\u2e7f" for character in title)
    parts = wrap(title, width // 2 if chinese else width, break_on_hyphens=False)
    return "\n".join(parts[:lines]) + ("…" if len(parts) > lines else "")
