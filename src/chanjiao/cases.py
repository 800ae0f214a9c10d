"""What happens inside a college: cases chosen by a rule, their profiles and timelines, and the claims as patterns.

A multiple case study (Yin, Case Study Research and Applications, 6th ed., 2018, chapters 2 and 5): every case is read
like an experiment of its own, then the cases are laid side by side in a case-ordered matrix (Miles, Huberman and
Saldana, Qualitative Data Analysis, 3rd ed., 2014). Cases illustrate and question; they decide no claim.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chanjiao import events, figures, operation
from chanjiao.rowflow import RowFlow

MIN_EVENTS = 3  # the fewest over which something can recur; below, one event is the whole majority
MIN_PAGES = 2  # one page is one narrator, and a case needs a second source (Yin's triangulation)
MIN_FACTS = 3  # a college of which no more is known than that it exists has no inside to describe
MAX_CASES = 8  # six to ten replications is what Yin advises; more cannot be read side by side
TOLD_CASES = 4  # as many get numbered results of their own, so that the paper can give each a paragraph

MARKS_OF_SUBSTANCE = 3  # "at least three of nine marks", the cut of C2.1
BOTH_PASSES: tuple[events.Passes, events.Passes] = ("both", "either")  # the least and the most the passes see

# Forms of cooperation that national documents of the same theme call for. The form consortium also holds the older
# vocational education groups, which the documents of that theme do not mean.
LAUNCHED_FORMS = ("apprenticeship", "consortium", "industry_college")
PRECISION = {4: "year", 7: "month", 10: "day"}
BASES = {
    "full_time_teachers": "of full-time teachers",
    "vocational_subject_teachers": "of teachers of vocational subjects",
    "all_teachers": "of all teachers",
    "unstated": "(base unstated)",
}
DIMENSIONS = ("policy transmission", "mechanism development", "operational effectiveness")
ANSWERS = ("supports", "contradicts", "silent")


@dataclass(frozen=True)
class Rule:
    """What a college must show to be a case, and how many cases there are at most."""

    events: int = MIN_EVENTS
    pages: int = MIN_PAGES
    facts: int = MIN_FACTS
    cases: int = MAX_CASES


@dataclass(frozen=True)
class Measure:
    """A cell of the cross-case matrix: how many of the case's `units` have the `trait` (columns of `flag`)."""

    dimension: str
    words: str
    units: str
    trait: str


@dataclass(frozen=True)
class Pattern:
    """The pattern a claim predicts inside a college: a share below `below`; above `above` lies its opposite.

    `indicator` is the indicator of claims.yaml that has the same definition and the same thresholds. The units are
    events (`units`, `trait`: columns of `flag`) or teachers (`denominator`). `below` None: a low share says nothing.
    """

    claim: str
    indicator: str
    below: float | None
    above: float
    words: str
    lacking: str
    units: str = ""
    trait: str = ""
    denominator: str = ""


MEASURES = (
    Measure(DIMENSIONS[0], "events in a form that national documents call for", "any", "launched"),
    Measure(DIMENSIONS[0], "of these, dated ones after the first such document", "launched_dated", "after_launch"),
    Measure(DIMENSIONS[0], "events with a government among the partners", "any", "government"),
    Measure(DIMENSIONS[1], "events with a signed agreement", "any", "signed"),
    Measure(DIMENSIONS[1], "signed agreements with three marks or more", "signed", "substance"),
    Measure(DIMENSIONS[1], "events of several partners with a joint body", "several", "joint_body"),
    Measure(DIMENSIONS[2], "bilateral events with concrete curriculum work", "bilateral", "curriculum"),
    Measure(DIMENSIONS[2], "events with staff exchanged or trained", "any", "staff"),
    Measure(DIMENSIONS[2], "events with a class or number of students", "any", "students"),
)  # fmt: skip

PATTERNS = (
    Pattern("C2", "C2.1", 0.5, 0.5, "signed agreements with three marks or more", "none signed",
            units="signed", trait="substance"),
    Pattern("C3", "C3.1", 0.25, 0.5, "bilateral events with concrete curriculum work", "no such event",
            units="bilateral", trait="curriculum"),
    Pattern("C4", "C4.1", None, 0.5, "dual-qualified among full-time teachers, the stricter base",
            "no such share", denominator="full_time_teachers"),
    Pattern("C4", "C4.2", 0.5, 0.5, "dual-qualified among teachers of vocational subjects",
            "no such share", denominator="vocational_subject_teachers"),
    Pattern("C5", "C5.2", 0.25, 0.5, "events of several partners with a joint body", "no such event",
            units="several", trait="joint_body"),
)  # fmt: skip
STATED_FIGURES = (
    (DIMENSIONS[0], "consortia_led"),
    (DIMENSIONS[1], "partner_enterprises"),
    (DIMENSIONS[2], "dual_qualified_share_pct"),
    (DIMENSIONS[2], "dual_qualified_teachers"),
)
DEPTH_WORDS = "marks of nine in an event, median (range)"
CODED = ("cooperation", "cooperation_a", "cooperation_b")
# What is recorded of a case under its number: unit, and the tables it comes from.
CASE_NUMBERS = {
    **dict.fromkeys(("name", "institution_id"), ("", ("institutions",))),
    **dict.fromkeys(("events", "dated", "government_low", "government_high"), ("events", ("cooperation",))),
    "pages": ("pages", ("cooperation",)),
    "facts": ("facts", ("institution_facts",)),
    **dict.fromkeys(("depth_median", "depth_max"), ("marks of nine", CODED)),
    **dict.fromkeys(("launched", "signed", "substance_low", "substance_high"), ("events", CODED)),
    **dict.fromkeys(("joint_body_low", "joint_body_high", "curriculum_low", "curriculum_high"), ("events", CODED)),
    **dict.fromkeys(("staff_low", "staff_high", "students_low", "students_high"), ("events", CODED)),
    **dict.fromkeys(("c2", "c2_basis", "c3", "c3_basis", "c5", "c5_basis"), ("", CODED)),
    **dict.fromkeys(("c4", "c4_basis", "programmes", "students_fulltime"), ("", ("institution_facts",))),
    **dict.fromkeys(("staff_total", "full_time_teachers", "consortia_led"), ("", ("institution_facts",))),
    **dict.fromkeys(("dual_qualified_share_pct", "dual_qualified_teachers"), ("", ("institution_facts",))),
    "equipment_value_million_yuan": ("", ("institution_facts",)),
}
CLAIMS = tuple(dict.fromkeys(pattern.claim for pattern in PATTERNS))
CLAIM_WORDS = {
    "C2": "agreements\nweak in substance",
    "C3": "teaching out of\nstep with industry",
    "C4": "too few dual-\nqualified teachers",
    "C5": "many partners,\nhard to combine",
}


# --- choosing the cases ---


def college_events(frame: pd.DataFrame, province: str) -> pd.DataFrame:
    """Return the events of `province` once for each college that takes part, with the column institution_id.

    `frame` is what `events.events` returns. An event told of three colleges is an event of each of them. A college
    that is not on the 2026 list bears its name in place of an id and can be no case.
    """
    own = frame[frame["province_code"] == province]
    told = own.assign(institution_id=own["colleges"]).explode("institution_id", ignore_index=True)
    return told.sort_values(["institution_id", "event"], ignore_index=True)


def named_facts(facts: pd.DataFrame, inferred: bool = False) -> pd.DataFrame:
    """Return the facts of colleges the page names; `inferred` adds those whose identity was inferred."""
    return facts if inferred else facts[facts["identity_inferred"] != "yes"]


def candidates(told: pd.DataFrame, facts: pd.DataFrame, institutions: pd.DataFrame, province: str) -> pd.DataFrame:
    """Return every listed college of `province` with its counts of events, pages and facts, the fullest first.

    Columns: institution_id, name_zh, events, pages, facts. Pages that share an event count as one.
    """
    colleges = institutions.loc[institutions["province_code"] == province, ["institution_id", "name_zh"]]
    counts = told.groupby("institution_id").agg(events=("event", "nunique"), pages=("page", "nunique"))
    counts = counts.join(facts.groupby("institution_id").size().rename("facts"), how="outer")
    frame = colleges.merge(counts, left_on="institution_id", right_index=True, how="left", validate="one_to_one")
    frame = frame.fillna({"events": 0, "pages": 0, "facts": 0}).astype({"events": int, "pages": int, "facts": int})
    order = ["events", "facts", "institution_id"]
    return frame.sort_values(order, ascending=[False, False, True], ignore_index=True)


def select(frame: pd.DataFrame, rule: Rule = Rule()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cases among the `candidates`, numbered from 1 in the column case, and the row-flow that led there."""
    flow = RowFlow("institutions", frame)
    flow.keep(flow.frame["events"] >= rule.events, f"fewer than {rule.events} cooperation events")
    flow.keep(flow.frame["pages"] >= rule.pages, f"events told on fewer than {rule.pages} pages")
    flow.keep(flow.frame["facts"] >= rule.facts, f"fewer than {rule.facts} sourced facts")
    ranks = pd.Series(range(1, len(flow.frame) + 1), index=flow.frame.index)
    chosen = flow.keep(ranks <= rule.cases, f"not among the {rule.cases} with most events, then facts")
    return chosen.reset_index(drop=True).assign(case=range(1, len(chosen) + 1)), flow.account()


def name_cases(chosen: pd.DataFrame, names: pd.Series, former: pd.DataFrame) -> pd.DataFrame:
    """Return the cases with the columns name (from `names` by institution_id) and former_names (missing if none)."""
    joined = former.groupby("name_zh_2026")["former_name_zh"].agg("; ".join)
    known = {"name": chosen["institution_id"].map(names), "former_names": chosen["name_zh"].map(joined)}
    return chosen.assign(**{column: values.astype("str") for column, values in known.items()})


def of_cases(frame: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `frame` (with institution_id) that belong to a case, with the columns case and name."""
    rows = frame.merge(chosen[["institution_id", "case", "name"]], on="institution_id", validate="many_to_one")
    return rows.sort_values("case", kind="stable", ignore_index=True)


def no_case_reason(frame: pd.DataFrame, rule: Rule = Rule()) -> str:
    """Say why no college among the `candidates` is a case: tables, rows there are, rows the rule needs."""
    most = frame[["events", "pages", "facts"]].max().fillna(0).astype(int)
    return (
        f"no college has at least {rule.events} events in cooperation from {rule.pages} pages and {rule.facts} facts "
        f"in institution_facts; the most any one college has are {most['events']} events, {most['pages']} pages "
        f"and {most['facts']} facts"
    )


# --- within a case: facts, programmes, timeline ---


def profile(facts: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Return one row per college and indicator: the figure the choice rule takes, and how far others contradict it.

    The rule: an official page first, then full-time teachers as denominator, then the newest (undated last), then an
    exact figure before a bound, then the median. Columns: those of `facts`, and official (yes, no or college_site),
    stated (the figure in words), statements (how many there are), spread (lowest to highest value where two
    statements about the same denominator cannot both hold, else missing).
    """
    keys = ["institution_id", "indicator"]
    ranked = _ranked(facts, sources, keys)
    chosen = ranked.drop_duplicates(keys).sort_values(keys)
    figures_ = chosen[[*facts.columns, "official"]].assign(
        stated=pd.Series([stated(row) for row in chosen.to_dict("records")], index=chosen.index, dtype="str"),
        statements=ranked.groupby(keys)["value"].transform("size").loc[chosen.index],
        spread=_spreads(ranked, [*keys, "base"]).loc[chosen.index],
    )
    return figures_.reset_index(drop=True)


def _ranked(facts: pd.DataFrame, sources: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Facts, best first within `keys`; of those the rule cannot tell apart the median stands first."""
    rows = facts.merge(sources[["source_id", "official"]], on="source_id", how="left", validate="many_to_one")
    rows["weak"] = rows["official"] == "no"
    rows["base"] = rows["denominator"].map({name: rank for rank, name in enumerate(BASES)}).astype(float).fillna(0)
    rows["bound"] = rows["qualifier"] != "exact"
    order = [*keys, "weak", "base", "as_of", "bound"]
    ascending = [column != "as_of" for column in order]
    rows = rows.sort_values([*order, "value", "fact_no"], ascending=[*ascending, True, True], ignore_index=True)
    tied = rows.groupby(order, dropna=False, sort=False)
    middle = (tied["value"].transform("size") - 1) // 2
    rows["off_middle"] = (tied.cumcount() - middle).abs()
    order.append("off_middle")
    return rows.sort_values(order, ascending=[*ascending, True], kind="stable", ignore_index=True)


def bounds(facts: pd.DataFrame) -> pd.DataFrame:
    """Return the least (low) and the most (high) a stated figure can mean, in its own unit, on the index of `facts`.

    "About v" is v give or take `operation.ABOUT`, for a share of the whole, for a count of v.
    """
    value, percent = facts["value"].astype(float), facts["unit"] == "percent"
    margin = np.where(percent, 100, value) * operation.ABOUT
    top = np.where(percent, 100.0, np.inf)
    low = value.mask(facts["qualifier"] == "less_than", 0.0)
    high = value.mask(facts["qualifier"] == "more_than", np.inf)
    about = facts["qualifier"] == "about"
    return pd.DataFrame({"low": low - margin * about, "high": np.minimum(high + margin * about, top)})


def _spreads(ranked: pd.DataFrame, keys: list[str]) -> pd.Series:
    """The range of the values of one base where not all of them can hold, on the index of `ranked`."""
    groups = ranked[[*keys, "value"]].join(bounds(ranked)).groupby(keys)
    contradict = groups["low"].transform("max") > groups["high"].transform("min")
    least, most = (groups["value"].transform(end).map(_number).astype("str") for end in ("min", "max"))
    return (least + " to " + most).where(contradict)


def _number(value: float) -> str:
    return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"


def stated(fact: Mapping[Any, Any]) -> str:
    """Say a fact's figure as the page gives it: qualifier, value, unit and denominator.

    >>> stated({"value": 60, "unit": "percent", "qualifier": "more_than", "denominator": "full_time_teachers"})
    'more than 60% of full-time teachers'
    """
    unit = {"percent": "%", "million_yuan": " million yuan"}.get(fact["unit"], "")
    qualifier = "" if fact["qualifier"] == "exact" else f"{fact['qualifier'].replace('_', ' ')} "
    base = f" {BASES[fact['denominator']]}" if fact["denominator"] in BASES else ""
    return f"{qualifier}{_number(fact['value'])}{unit}{base}"


def programmes(named: pd.DataFrame, categories: pd.DataFrame) -> pd.DataFrame:
    """Return per case the programmes its pages name: case, name, programmes (count), categories, as_of, names_zh.

    `named` is college_programmes after `of_cases`. The pages cut their lists, so a count is a lower bound.
    """
    kept = ["major_category_code", "major_category_en"]
    rows = named.merge(categories[kept], on="major_category_code", how="left", validate="many_to_one")
    return rows.groupby(["case", "name"], as_index=False).agg(
        programmes=("programme_zh", "nunique"),
        categories=("major_category_en", lambda found: "; ".join(sorted(set(found.dropna())))),
        as_of=("as_of", lambda found: "; ".join(sorted(set(found.dropna().astype(str))))),
        names_zh=("programme_zh", lambda found: "、".join(sorted(set(found)))),
    )


def days(dates: pd.Series) -> pd.DataFrame:
    """Return the first (start) and last (end) possible day of dates written YYYY, YYYY-MM or YYYY-MM-DD, or NaT."""
    periods = [pd.Period(date) if isinstance(date, str) else None for date in dates]
    ends = {
        "start": [period.start_time if period is not None else pd.NaT for period in periods],
        "end": [period.end_time.normalize() if period is not None else pd.NaT for period in periods],
    }
    return pd.DataFrame({name: pd.to_datetime(pd.Series(found, index=dates.index)) for name, found in ends.items()})


def timeline(told: pd.DataFrame) -> pd.DataFrame:
    """Return the events of the cases in order of date, undated ones last.

    Columns: case, name, event, form, signed (bool), precision (day, month, year, undated), start, end (first and last
    possible day as text), depth (mean of both passes, 0 to 9).
    """
    limits = days(told["event_date"])
    frame = told[["case", "name", "event", "form"]].assign(
        signed=events.signed(told),
        precision=told["event_date"].str.len().map(PRECISION).fillna("undated"),
        start=limits["start"].dt.strftime("%Y-%m-%d"),
        end=limits["end"].dt.strftime("%Y-%m-%d"),
        depth=events.depth(told),
    )
    return frame.sort_values(["case", "start", "end", "event"], ignore_index=True)


# --- across cases: matrix and patterns ---


def flag(
    told: pd.DataFrame,
    cooperation: pd.DataFrame,
    launches: pd.DataFrame,
    passes: tuple[events.Passes, events.Passes] = BOTH_PASSES,
) -> pd.DataFrame:
    """Return what the matrix and the patterns count in each event, on the index of `told`; `launches`: `launch_dates`.

    Columns of units: any, signed, bilateral, several, launched_dated. Each trait has two columns, TRAIT_low and
    TRAIT_high: whether the event has it at least and at most. For marks these are the readings in `passes`, by
    default the marks both passes give and those either gives; for a date, its last and first possible day; for a
    government partner, sets coded government and sets coded mixed, which may hold one.
    """
    low, high = passes
    frame = pd.DataFrame(index=told.index)
    frame["any"] = True
    frame["signed"] = frame["signed_low"] = frame["signed_high"] = events.signed(told, high)
    frame["bilateral"] = events.bilateral(told, high)
    frame["several"] = (told["size_class"] >= 1).fillna(False).astype(bool)
    for end, reading in (("low", low), ("high", high)):
        frame[f"substance_{end}"] = events.at_least(told, MARKS_OF_SUBSTANCE, reading) == 1
        for trait, mark in _TRAIT_MARKS.items():
            frame[f"{trait}_{end}"] = events.mark(told, mark, reading) == 1
    frame["launched_low"] = frame["launched_high"] = told["form"].isin(LAUNCHED_FORMS)
    frame["launched_dated"] = frame["launched_high"] & told["dated"]
    return frame.join(_after_launch(told, launches)).join(_government(told, cooperation))


_TRAIT_MARKS = {
    "joint_body": "c_governance",
    "curriculum": "c_curriculum",
    "staff": "c_staff_exchange",
    "students": "c_student_quota",
}


def launch_dates(policies: pd.DataFrame) -> pd.DataFrame:
    """Return for each of LAUNCHED_FORMS the first national document of that theme in the table.

    Columns: form, policy_id, title_zh, title_en, date_issued, start, end (its first and last possible day).
    """
    dated = policies[(policies["level"] == "national") & policies["theme"].isin(LAUNCHED_FORMS)]
    dated = dated.dropna(subset=["date_issued"])
    dated = dated.join(days(dated["date_issued"])).sort_values(["end", "policy_id"])
    kept = ["theme", "policy_id", "title_zh", "title_en", "date_issued", "start", "end"]
    first = dated.drop_duplicates("theme")[kept].rename(columns={"theme": "form"})
    return first.sort_values("form", ignore_index=True)


def _after_launch(told: pd.DataFrame, launches: pd.DataFrame) -> pd.DataFrame:
    launch, own = launches.set_index("form"), days(told["event_date"])
    first, last = (launch[end].reindex(told["form"]).set_axis(told.index) for end in ("start", "end"))
    return pd.DataFrame({"after_launch_low": own["start"] >= last, "after_launch_high": own["end"] >= first})


def _government(told: pd.DataFrame, cooperation: pd.DataFrame) -> pd.DataFrame:
    kinds = cooperation.set_index("event_id")["partner_type"]
    partners = [{kinds[event] for event in rows} for rows in told["rows"]]
    return pd.DataFrame(
        {
            "government_low": [("government" in found) for found in partners],
            "government_high": [bool(found & {"government", "mixed"}) for found in partners],
        },
        index=told.index,
        dtype=bool,
    )


def tally(told: pd.DataFrame, flags: pd.DataFrame, units: str, trait: str) -> pd.DataFrame:
    """Return per case how many `units` there are (n) and how many have `trait` at least (low) and at most (high).

    Further column: rows, the raw rows of the units as {"cooperation": [event_id, …]}.
    """
    frame = pd.DataFrame(
        {
            "case": told["case"],
            "n": flags[units].astype(int),
            "low": (flags[units] & flags[f"{trait}_low"]).astype(int),
            "high": (flags[units] & flags[f"{trait}_high"]).astype(int),
        }
    )
    counts = frame.groupby("case").sum()
    ids = told[flags[units]].groupby("case")["rows"].agg(lambda found: sorted({row for rows in found for row in rows}))
    counts["rows"] = _listed(({"cooperation": ids.get(case, [])} for case in counts.index), counts.index)
    return counts.reset_index()


def matrix(told: pd.DataFrame, flags: pd.DataFrame, profiles: pd.DataFrame) -> pd.DataFrame:
    """Return the cross-case matrix, one row per case and measure: case, dimension, measure, n, low, high, cell.

    First the counts of MEASURES, then the depth of the events (its range in low and high), then the figures of
    STATED_FIGURES from `profiles` (`profile` of the cases, with the column case; low and high are its bounds).
    """
    parts = [_counted(told, flags, measure) for measure in MEASURES]
    parts += [_depths(told), *(_figures(profiles, *figure) for figure in STATED_FIGURES)]
    frame = pd.concat(parts, ignore_index=True)
    frame["place"] = frame["dimension"].map(DIMENSIONS.index)
    kept = ["case", "dimension", "measure", "n", "low", "high", "cell"]
    return frame.sort_values(["case", "place"], kind="stable", ignore_index=True)[kept]


def _counted(told: pd.DataFrame, flags: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    counts = _with_cells(tally(told, flags, measure.units, measure.trait))
    return counts.drop(columns="rows").assign(dimension=measure.dimension, measure=measure.words)


def _with_cells(counts: pd.DataFrame) -> pd.DataFrame:
    cells = [count_of(*row) for row in counts[["low", "high", "n"]].itertuples(index=False, name=None)]
    return counts.assign(cell=pd.Series(cells, index=counts.index, dtype="str"))


def _depths(told: pd.DataFrame) -> pd.DataFrame:
    depths = events.depth(told).groupby(told["case"]).agg(["size", "min", "median", "max"]).reset_index()
    depths = depths.rename(columns={"size": "n", "min": "low", "max": "high"})
    depths["cell"] = [f"{row.median:g} ({row.low:g} to {row.high:g})" for row in depths.itertuples()]
    return depths.drop(columns="median").assign(dimension=DIMENSIONS[1], measure=DEPTH_WORDS)


def _figures(profiles: pd.DataFrame, dimension: str, indicator: str) -> pd.DataFrame:
    found = profiles[profiles["indicator"] == indicator]
    named = found[["case", "statements", "stated"]].rename(columns={"statements": "n", "stated": "cell"})
    return named.join(bounds(found)).assign(dimension=dimension, measure=f"{indicator_words(indicator)}, as stated")


def side_by_side(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the `matrix` with measures as rows and cases as columns (Case 1, Case 2 …), cells in words."""
    keys = ["dimension", "measure"]
    order = {key: place for place, key in enumerate(_matrix_rows())}
    table = frame.pivot(index=keys, columns="case", values="cell")
    table = table.iloc[np.argsort([order[key] for key in table.index])]
    return table.add_prefix("Case ").rename_axis(columns=None).reset_index()


def _matrix_rows() -> list[tuple[str, str]]:
    rows = [(measure.dimension, measure.words) for measure in MEASURES]
    rows.append((DIMENSIONS[1], DEPTH_WORDS))
    rows += [(dimension, f"{indicator_words(name)}, as stated") for dimension, name in STATED_FIGURES]
    return sorted(rows, key=lambda row: DIMENSIONS.index(row[0]))


def indicator_words(indicator: str) -> str:
    """Say the name of an indicator of institution_facts in words.

    >>> indicator_words("dual_qualified_share_pct")
    'dual-qualified share'
    """
    plain = indicator.removesuffix("_pct").removesuffix("_million_yuan")
    plain = plain.replace("students_fulltime", "full-time students").replace("_", " ")
    return plain.replace("dual qualified", "dual-qualified").replace("full time", "full-time")


def count_of(low: int, high: int, n: int) -> str:
    """Say a count out of `n`, as a range when the readings differ.

    >>> count_of(0, 1, 3)
    '0–1 of 3'
    """
    if n == 0:
        return "none"
    return f"{low} of {n}" if low == high else f"{low}–{high} of {n}"


def dual_shares(facts: pd.DataFrame, institutions: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Return one share of dual-qualified teachers per college, chosen as for C4 (see `operation.one_per_college`).

    Columns: institution_id, denominator, low, high (the least and most the page can mean, 0 to 1), fact_keys.
    """
    flow = operation.dual_qualified_facts(facts.reset_index(drop=True), institutions, sources)
    found = operation.one_per_college(flow.frame)
    return found[["institution_id", "denominator", "low", "high", "fact_keys"]]


def share_of(low: float, high: float) -> str:
    """Say a share with what its page leaves open.

    >>> share_of(0.6, 1.0)
    'over 60 %'
    """
    if low == high:
        return f"{low:.0%}"
    if high == 1:
        return f"over {low:.0%}"
    return f"{low:.0%} to {high:.0%}"


def _listed(items: Iterable[Any], index: pd.Index) -> pd.Series:
    """A column whose cells are lists or mappings."""
    return pd.Series(list(items), index=index, dtype=object)


def matches(told: pd.DataFrame, flags: pd.DataFrame, shares: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Return each case against each pattern: case, name, claim, indicator, n, low, high, answer, cell, why, rows.

    `low` and `high` are shares, missing where the case has no such units (then n is 0 and the answer silent). `why`
    says in words what the answer rests on; `rows` names the raw rows used.
    """
    parts = []
    for pattern in PATTERNS:
        teachers = bool(pattern.denominator)
        found = _shares_of_teachers(shares, chosen, pattern) if teachers else _shares_of_events(told, flags, pattern)
        rows = chosen[["case", "name"]].merge(found, on="case", how="left", validate="one_to_one")
        parts.append(rows.assign(claim=pattern.claim, indicator=pattern.indicator))
    frame = pd.concat(parts, ignore_index=True) if len(chosen) else pd.DataFrame(columns=_MATCH_COLUMNS)
    frame["n"] = frame["n"].fillna(0).astype(int)
    patterns = [_BY_INDICATOR[indicator] for indicator in frame["indicator"]]
    frame["answer"] = [answer(*found) for found in zip(frame["low"], frame["high"], patterns, strict=True)]
    frame["cell"] = frame["cell"].where(frame["n"] > 0, [pattern.lacking for pattern in patterns])
    frame["why"] = [_why(*found) for found in zip(frame["n"], frame["cell"], patterns, strict=True)]
    return frame[_MATCH_COLUMNS].sort_values(["case", "indicator"], ignore_index=True)


_MATCH_COLUMNS = ["case", "name", "claim", "indicator", "n", "low", "high", "answer", "cell", "why", "rows"]
_BY_INDICATOR = {pattern.indicator: pattern for pattern in PATTERNS}


def answer(low: float, high: float, pattern: Pattern) -> str:
    """Return supports if the whole range lies below the pattern's threshold, contradicts if above, else silent."""
    if low > pattern.above:
        return "contradicts"
    if pattern.below is not None and high < pattern.below:
        return "supports"
    return "silent"


def _shares_of_events(told: pd.DataFrame, flags: pd.DataFrame, pattern: Pattern) -> pd.DataFrame:
    counts = _with_cells(tally(told, flags, pattern.units, pattern.trait))
    units = counts["n"].where(counts["n"] > 0)
    return counts.assign(low=counts["low"] / units, high=counts["high"] / units)


def _shares_of_teachers(shares: pd.DataFrame, chosen: pd.DataFrame, pattern: Pattern) -> pd.DataFrame:
    found = of_cases(shares[shares["denominator"] == pattern.denominator], chosen)
    rows = _listed(({"institution_facts": keys} for keys in found["fact_keys"]), found.index)
    cells = [share_of(*row) for row in found[["low", "high"]].itertuples(index=False, name=None)]
    return found.assign(n=1, cell=cells, rows=rows)[["case", "n", "low", "high", "cell", "rows"]]


def _why(n: int, cell: str, pattern: Pattern) -> str:
    return f"{pattern.words}: {cell}" if n else f"{pattern.words}: {pattern.lacking}"


def by_claim(matched: pd.DataFrame) -> pd.DataFrame:
    """Return one row per case and claim: case, name, claim, answer, cell, why, rows.

    Where a claim has two patterns the one that answers counts; two that answer differently cancel to silent.
    """
    groups = matched.groupby(["case", "name", "claim"], as_index=False)
    joined = groups.agg(answer=("answer", _one_answer), why=("why", "; ".join), rows=("rows", _merged))
    told = matched.sort_values("n", ascending=False, kind="stable").drop_duplicates(["case", "claim"])
    return joined.merge(told[["case", "claim", "cell"]], on=["case", "claim"], validate="one_to_one")


def _one_answer(answers: pd.Series) -> str:
    decided = set(answers) - {"silent"}
    return decided.pop() if len(decided) == 1 else "silent"


def _merged(rows: pd.Series) -> dict[str, list[Any]]:
    merged: dict[str, list[Any]] = {}
    for used in rows.dropna():
        for table, keys in used.items():
            merged[table] = merged.get(table, []) + keys
    return merged


def answer_counts(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how many cases support, contradict or are silent on each claim: index claim, one column per answer."""
    counts = pd.crosstab(answers["claim"], answers["answer"])
    return counts.reindex(index=list(CLAIMS), columns=list(ANSWERS), fill_value=0)


def numbers(
    chosen: pd.DataFrame, told: pd.DataFrame, flags: pd.DataFrame, found: pd.DataFrame, profiles: pd.DataFrame
) -> pd.DataFrame:
    """Return the numbers of the first TOLD_CASES cases: case, name, value, unit, n, rows, tables, reason.

    One row for each name in CASE_NUMBERS, NAME_low and NAME_high being the least and the most the passes see. `found`
    is `by_claim`. A value that is missing, like all those of a case that is missing, has a `reason`.
    """
    parts = [_number_rows(chosen, name, name) for name in ("name", "institution_id", "events", "pages", "facts")]
    parts += _depth_numbers(told)
    for measure in MEASURES:
        counts = tally(told, flags, measure.units, measure.trait)
        ends = {"low": ""} if measure.trait in _ONE_READING else {"low": "_low", "high": "_high"}
        parts += [_number_rows(counts, measure.trait + ending, end) for end, ending in ends.items()]
    for claim in CLAIMS:
        rows, name = found[found["claim"] == claim], claim.lower()
        parts += [_number_rows(rows, name, "answer"), _number_rows(rows, f"{name}_basis", "cell")]
    for indicator, rows in profiles.assign(n=profiles["statements"], rows=_fact_rows(profiles)).groupby("indicator"):
        parts.append(_number_rows(rows, indicator, "stated"))
    grid = pd.MultiIndex.from_product([range(1, TOLD_CASES + 1), CASE_NUMBERS], names=["case", "name"])
    frame = pd.concat(parts).set_index(["case", "name"]).reindex(grid).reset_index().astype(object)
    frame = frame.where(frame.notna(), None)
    frame["unit"] = [CASE_NUMBERS[name][0] for name in frame["name"]]
    frame["tables"] = _listed((list(CASE_NUMBERS[name][1]) for name in frame["name"]), frame.index)
    few, unsaid = f"cases the rule finds in the province: {len(chosen)}", "no page of the case states it"
    reasons = [few if case > len(chosen) else unsaid for case in frame["case"]]
    return frame.assign(reason=pd.Series(reasons, dtype=object).mask(frame["value"].notna(), None))


_ONE_READING = ("launched", "signed")  # traits on which least and most cannot differ


def _depth_numbers(told: pd.DataFrame) -> list[pd.DataFrame]:
    depths = (
        told.assign(depth=events.depth(told))
        .groupby("case", as_index=False)
        .agg(depth_median=("depth", "median"), depth_max=("depth", "max"), dated=("dated", "sum"), n=("depth", "size"))
    )
    return [_number_rows(depths, name, name) for name in ("dated", "depth_median", "depth_max")]


def _number_rows(frame: pd.DataFrame, name: Any, column: str) -> pd.DataFrame:
    """A column as rows of `numbers`; n and rows are taken from `frame` where it has them."""
    parts = {"value": frame[column], "n": frame.get("n"), "rows": frame.get("rows")}
    return pd.DataFrame({"case": frame["case"], **parts}, dtype=object).assign(name=name)


def _fact_rows(facts: pd.DataFrame) -> pd.Series:
    keys = facts[["institution_id", "indicator", "fact_no"]].astype(str).to_numpy().tolist()
    return _listed(({"institution_facts": [key]} for key in keys), facts.index)


# --- the whole chain under other choices ---


@dataclass(frozen=True)
class Material:
    """What is told of the colleges of a province: their events, facts and shares of dual-qualified teachers.

    The frames are those of `college_events`, `named_facts` and `dual_shares`.
    """

    told: pd.DataFrame
    facts: pd.DataFrame
    shares: pd.DataFrame


def material(
    data: Mapping[str, pd.DataFrame],
    frames: Mapping[str, pd.DataFrame],
    province: str,
    *,
    unit: str = "event",
    only: str = "",
    inferred: bool = False,
) -> Material:
    """Return what is told under other choices than the printed ones.

    `frames` holds the events as `event` and the single rows as `row` (see `events.chosen`). The choices: the `unit`,
    `only` pages that are official (events and facts) or complete (events), colleges whose identity was inferred.
    """
    frame, facts, sources = frames[unit], named_facts(data["institution_facts"], inferred), data["sources"]
    if only == "complete":
        frame = frame[frame["body"] == "complete"]
    if only == "official":
        frame = frame[frame["official"]]
        facts = facts[facts["source_id"].isin(sources.loc[sources["official"] != "no", "source_id"])]
    return Material(college_events(frame, province), facts, dual_shares(facts, data["institutions"], sources))


def answers(
    data: Mapping[str, pd.DataFrame],
    known: Material,
    launches: pd.DataFrame,
    province: str,
    rule: Rule = Rule(),
    passes: tuple[events.Passes, events.Passes] = BOTH_PASSES,
) -> pd.DataFrame:
    """Return `by_claim` for cases that are selected anew, by another rule or with other readings of the passes."""
    chosen = select(candidates(known.told, known.facts, data["institutions"], province), rule)[0]
    chosen = chosen.assign(name=chosen["name_zh"])
    told = of_cases(known.told, chosen)
    flags = flag(told, data["cooperation"], launches, passes)
    return by_claim(matches(told, flags, known.shares, chosen))


def variants(data: Mapping[str, pd.DataFrame], frames: Mapping[str, pd.DataFrame], province: str) -> pd.DataFrame:
    """Return how the pattern matching moves with each choice: choice, cases, and per claim its counts in words.

    `frames` as in `material`. The words are "supports / contradicts / silent", counted in cases.
    """
    printed, launches = material(data, frames, province), launch_dates(data["policies"])
    rows = []
    for choice, (other, options) in _CHOICES.items():
        known = material(data, frames, province, **other) if other else printed
        found = answers(data, known, launches, province, **options)
        counts = answer_counts(found)
        words = {claim: " / ".join(map(str, counts.loc[claim])) for claim in CLAIMS}
        rows.append({"choice": choice, "cases": found["case"].nunique(), **words})
    return pd.DataFrame(rows)


# What each choice changes of the options of `material` and of `answers`.
_CHOICES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as printed": ({}, {}),
    "first coding pass alone": ({}, {"passes": ("a", "a")}),
    "second coding pass alone": ({}, {"passes": ("b", "b")}),
    "every row its own event": ({"unit": "row"}, {}),
    "official pages only": ({"only": "official"}, {}),
    "complete pages only": ({"only": "complete"}, {}),
    "with inferred identities": ({"inferred": True}, {}),
    "two events suffice": ({}, {"rule": replace(Rule(), events=2)}),
    "four events needed": ({}, {"rule": replace(Rule(), events=4)}),
    "one fact suffices": ({}, {"rule": replace(Rule(), facts=1)}),
    "six facts needed": ({}, {"rule": replace(Rule(), facts=6)}),
}


# --- figures ---

_WIDTH = 5.4  # inches: letters stay readable when the figure shrinks to a phone
_ROW = 0.26  # inches between two rows of event marks
_MARK = 15  # points across an event mark
_MARGIN_COLUMNS = 5  # undated events side by side before a new row begins


def draw_timeline(frame: pd.DataFrame) -> Figure:
    """Draw the `timeline`: a lane per case, dated events on the time axis, undated ones in the margin at the right.

    The number in a mark is the depth (mean of both passes); a square is a signed agreement; a dark mark reaches three.
    A bar shows a date known to the month or year only.
    """
    if frame.empty:
        return figures.no_data("no college of the province is a case")
    placed, lanes = _layout(frame)
    height = lanes["bottom"].max()
    figure, axes = figures.new(0.95 + _ROW * height, 1, 2, width=_WIDTH, width_ratios=[2.2, 1], sharey=True)
    dated, undated = placed[placed["precision"] != "undated"], placed[placed["precision"] == "undated"]
    _draw_lanes(axes[0, 0], axes[0, 1], lanes)
    axes[0, 0].hlines(dated["y"], dated["first"], dated["last"], color=figures.PALETTE["sky"], linewidth=6, alpha=0.6)
    _draw_marks(axes[0, 0], dated)
    _draw_marks(axes[0, 1], undated)
    _scale_time(axes[0, 0], dated)
    axes[0, 1].set(xlim=(-0.7, _MARGIN_COLUMNS - 0.3), xticks=[])
    axes[0, 0].set_title("dated")
    axes[0, 1].set_title("undated")
    figure.legend(handles=_timeline_legend(), loc="outside lower left", ncols=2, fontsize=8, columnspacing=1.2)
    return figure


def _layout(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add first, last, x (days since 1970, or a column of the margin), y; return also the lanes' tops and bottoms."""
    placed = frame.assign(first=_day_numbers(frame["start"]), last=_day_numbers(frame["end"]))
    placed["x"] = (placed["first"] + placed["last"]) / 2
    span = max(placed["last"].max() - placed["first"].min(), 365.0) if placed["x"].notna().any() else 365.0
    placed["level"] = 0
    for _, lane in placed.groupby("case"):
        placed.loc[lane.index, "level"] = _levels(lane, span / 14)
    without = placed["x"].isna()
    order = placed[without].groupby("case").cumcount()
    placed.loc[without, "x"] = order % _MARGIN_COLUMNS
    placed.loc[without, "level"] = order // _MARGIN_COLUMNS
    lanes = placed.groupby(["case", "name"], as_index=False).agg(level=("level", "max"))
    lanes["bottom"] = (lanes["level"] + 2).cumsum()
    lanes["top"] = lanes["bottom"] - lanes["level"] - 2
    placed["y"] = placed["case"].map(lanes.set_index("case")["top"]) + 1.3 + placed["level"]
    return placed, lanes


def _day_numbers(days_: pd.Series) -> pd.Series:
    known = pd.to_datetime(days_)
    return pd.Series(date2num(known.to_numpy()), index=days_.index).where(known.notna())


def _levels(lane: pd.DataFrame, gap: float) -> list[int]:
    """The lowest row of a lane, for each event in order of date, on which its mark touches no earlier one."""
    ends: list[float] = []
    levels = []
    for first, last, x in lane[["first", "last", "x"]].itertuples(index=False, name=None):
        start = min(first, x - gap / 2)
        level = next((row for row, end in enumerate(ends) if start > end), len(ends))
        levels.append(0 if np.isnan(x) else level)
        if not np.isnan(x):
            ends[level : level + 1] = [max(last, x + gap / 2)]
    return levels


def _draw_lanes(dated: Axes, undated: Axes, lanes: pd.DataFrame) -> None:
    for lane in lanes.to_dict("records"):
        dated.text(0, lane["top"] + 0.5, f"{lane['case']}  {lane['name']}", va="center", fontsize=9,
                   transform=dated.get_yaxis_transform())  # fmt: skip
        for axis in (dated, undated):
            axis.axhline(lane["top"], color=figures.PALETTE["light"], linewidth=0.8)
    for axis in (dated, undated):
        axis.spines["left"].set_visible(False)
        axis.tick_params(axis="y", length=0, labelleft=False)
    undated.spines["bottom"].set_visible(False)
    dated.set_ylim(lanes["bottom"].max(), 0)


def _draw_marks(axis: Axes, placed: pd.DataFrame) -> None:
    for mark in placed.to_dict("records"):
        deep = mark["depth"] >= MARKS_OF_SUBSTANCE
        fill, ink = (figures.PALETTE["blue"], "white") if deep else ("white", figures.PALETTE["ink"])
        axis.plot(mark["x"], mark["y"], "s" if mark["signed"] else "o", markersize=_MARK - 2 * mark["signed"],
                  markerfacecolor=fill, markeredgecolor=figures.PALETTE["blue"])  # fmt: skip
        number = _halves(mark["depth"])
        axis.text(mark["x"], mark["y"], number, ha="center", va="center_baseline", fontsize=8, color=ink)


def _halves(depth: float) -> str:
    whole, half = divmod(depth, 1)
    return f"{whole:.0f}½".removeprefix("0") if half else f"{whole:.0f}"


def _scale_time(axis: Axes, dated: pd.DataFrame) -> None:
    if dated.empty:
        axis.set_xticks([])
        return
    first, last = dated["first"].min(), dated["last"].max()
    margin = max(last - first, 365) / 14
    axis.set_xlim(first - margin, last + margin)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _timeline_legend() -> list[Line2D]:
    return [
        _symbol("s", "blue", False, "signed agreement"),
        _symbol("o", "blue", False, "other event (number: marks of nine)"),
        _symbol("o", "blue", True, "three marks or more"),
        Line2D([], [], color=figures.PALETTE["sky"], linewidth=6, alpha=0.6, label="date to the year or month only"),
    ]


_SYMBOLS = {"supports": ("^", "orange", True), "contradicts": ("v", "blue", True), "silent": ("o", "grey", False)}


def draw_matches(frame: pd.DataFrame) -> Figure:
    """Draw `by_claim` as a matrix of cases and claims: a symbol for the answer, beside it the count it rests on."""
    if frame.empty:
        return figures.no_data("no college of the province is a case")
    names = frame.drop_duplicates("case")["case"].to_list()
    figure, axes = figures.new(0.85 + 0.45 * len(names), width=_WIDTH)
    axis: Axes = axes[0, 0]
    for match in frame.to_dict("records"):
        _draw_answer(axis, CLAIMS.index(match["claim"]), names.index(match["case"]), match)
    axis.set_xticks(np.arange(len(CLAIMS)) + 0.05, [f"{claim} {CLAIM_WORDS[claim]}" for claim in CLAIMS], ha="left")
    axis.set(xlim=(0, len(CLAIMS)), ylim=(len(names), 0), yticks=[])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.hlines(range(len(names) + 1), 0, len(CLAIMS), color=figures.PALETTE["light"], linewidth=0.8)
    handles = [_symbol(*look, name) for name, look in _SYMBOLS.items()]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=8)
    return figure


def _draw_answer(axis: Axes, column: int, row: int, match: Mapping[Any, Any]) -> None:
    marker, colour, full = _SYMBOLS[match["answer"]]
    edge = figures.PALETTE[colour]
    axis.plot(column + 0.1, row + 0.68, marker, markersize=9, color=edge, markerfacecolor=edge if full else "white")
    axis.text(column + 0.2, row + 0.7, match["cell"], va="center", fontsize=8)
    if column == 0:
        axis.text(0, row + 0.28, f"{match['case']}  {match['name']}", va="center", fontsize=9)


def _symbol(marker: str, colour: str, full: bool, label: str) -> Line2D:
    edge = figures.PALETTE[colour]
    face = edge if full else "white"
    return Line2D([], [], linestyle="", marker=marker, color=edge, markerfacecolor=face, markersize=8, label=label)
