"""School-enterprise events: the rows of `cooperation.csv` that tell one event joined, with its marks in both passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from chanjiao.passes import completed

# The nine marks of concreteness. c_responsible was almost never visible and c_followup weakly agreed: both stay out.
MARKS = (
    "c_funds",
    "c_equipment",
    "c_staff_exchange",
    "c_curriculum",
    "c_student_quota",
    "c_governance",
    "c_term",
    "c_research",
    "c_employment",
)
MARK_NAMES = {
    "en": (
        "funds",
        "equipment",
        "staff exchange",
        "curriculum",
        "student places",
        "joint body",
        "term",
        "research",
        "jobs",
    ),
    "zh": ("资金", "设备场地", "人员互派", "课程教学", "学生名额", "治理机构", "期限", "研发项目", "就业"),
}
FORM_NAMES = {
    "framework_agreement": {"en": "framework agreement", "zh": "框架协议"},
    "consortium": {"en": "consortium", "zh": "联合体"},
    "order_class": {"en": "order class", "zh": "订单班"},
    "apprenticeship": {"en": "apprenticeship", "zh": "现代学徒制"},
    "industry_college": {"en": "industry college", "zh": "产业学院"},
    "training_base": {"en": "training base", "zh": "实训基地"},
    "internship_base": {"en": "internship base", "zh": "实习基地"},
    "joint_research": {"en": "joint research", "zh": "联合研发"},
    "donation": {"en": "donation", "zh": "捐赠"},
    "other": {"en": "other", "zh": "其他"},
}
NOT_BILATERAL = ("consortium", "donation", "other")
SIZE_CLASSES = {"en": ("one", "two to ten", "more than ten"), "zh": ("一家", "二至十家", "十家以上")}
SIGNED_FIRST = ("yes", "no", "not_visible")  # an event is signed if one of its rows says so
BODY_FIRST = ("missing", "cut", "complete")  # an event is complete only if all of its rows are

# How the two coding passes become one: their mean, one pass alone, a mark given by both, a mark given by either.
Passes = Literal["mean", "a", "b", "both", "either"]

# The choices by which the events can be read otherwise, with their levels (`multiverse` in claims.yaml).
LEVELS: dict[str, tuple[str, ...]] = {
    "codes": get_args(Passes),
    "sources": ("all", "official"),
    "unit": ("event", "row"),
    "clustering": ("page", "college"),
    "body": ("all", "complete"),
    "dating": ("all", "dated"),
}
SAMPLE = ("codes", "sources", "unit", "body", "dating")  # those that decide which events are read
READ_ALIKE = ("mean", "a", "both", "either")  # codes under which form and signing follow pass A

# How the rows of one event become one; a name in _ORDERS is compared by its place there.
_ORDERS = {"signed": SIGNED_FIRST, "signed_b": SIGNED_FIRST, "body": BODY_FIRST}
_RULES: dict[str, Any] = {
    "page": "first",
    "college": "first",
    "form": "first",
    "form_b": "first",
    "signed": "min",
    "signed_b": "min",
    "phrase_only": "min",
    "phrase_only_b": "min",
    "event_date": "min",
    "n_partners": "max",
    "money_million_yuan": "max",
    "students_n": "max",
    "official": "min",
    "body": "min",
}


@dataclass(frozen=True)
class Reading:
    """One way to read the events: which of them, how the passes become one, which column holds the clusters."""

    frame: pd.DataFrame
    passes: Passes = "mean"
    cluster: str = "page"


def readings(frame: pd.DataFrame, ungrouped: pd.DataFrame) -> dict[str, Reading]:
    """Return the variants of the sensitivity analysis by the names of `claims.yaml`.

    `frame` is the result of `events`, `ungrouped` the same with `grouped=False`.
    """
    return {
        "official": Reading(frame[frame["official"]]),
        "pass_a": Reading(frame, passes="a"),
        "pass_b": Reading(frame, passes="b"),
        "both": Reading(frame, passes="both"),
        "either": Reading(frame, passes="either"),
        "rows": Reading(ungrouped),
        "complete": Reading(frame[frame["body"] == "complete"]),
        "dated": Reading(frame[frame["dated"]]),
        "undated": Reading(frame[~frame["dated"]]),
        "college": Reading(frame, cluster="college"),
    }


def chosen(frames: Mapping[str, pd.DataFrame], choice: Mapping[str, str]) -> Reading:
    """Return the reading that a level for each of LEVELS asks for.

    `frames` holds the result of `events` as `event` and the same with `grouped=False` as `row`.
    """
    frame = frames[choice["unit"]]
    every = pd.Series(True, index=frame.index)
    keep = (
        {"all": every, "official": frame["official"]}[choice["sources"]]
        & {"all": every, "complete": frame["body"] == "complete"}[choice["body"]]
        & {"all": every, "dated": frame["dated"]}[choice["dating"]]
    )
    return Reading(frame[keep], cast(Passes, choice["codes"]), choice["clustering"])


def categories(choice: Mapping[str, str]) -> dict[str, str]:
    """Return the choice with the one pass as codes that form and signing follow: A, unless B is read alone."""
    return {**choice, "codes": "a" if choice["codes"] in READ_ALIKE else "b"}


def coded(frame: pd.DataFrame, names: Sequence[str], passes: Passes) -> list[pd.DataFrame]:
    """Return the marks `names` of both passes if their mean is taken, else the one table of marks that `passes` makes.

    For `bias.corrected_shares`, which takes the mean over tables of 0 and 1.
    """
    if passes == "mean":
        return [frame[[f"{name}_{one_pass}" for name in names]].astype(float) for one_pass in "ab"]
    return [pd.DataFrame({name: mark(frame, name, passes) for name in names}, index=frame.index)]


def events(
    cooperation: pd.DataFrame,
    cooperation_a: pd.DataFrame,
    cooperation_b: pd.DataFrame,
    sources: pd.DataFrame,
    *,
    grouped: bool = True,
) -> pd.DataFrame:
    """Return one row per event and province, sorted by both, from the raw tables of these names.

    An event is an `event_group` (with `grouped=False` every row is its own event). An event told for colleges of
    two provinces is one event in each of them. A mark is 1 in a pass if any row of the event has it in that pass.
    A row coded in one pass only has that pass's codes in both (`passes.completed`, which says what it refuses).

    Columns:
      event, province_code   the key: event_group (or event_id) and GB/T 2260 code
      rows                   tuple of the event_ids joined
      colleges               tuple of institution_id (the college's name where it has no id), sorted
      page, college          clusters: source_id and college; events that share pages (colleges), also through a
                             further event, bear the same label, the first in order of their connected component
      form, form_b           form in pass A and B (of the event's first row)
      signed, signed_b       yes, no or not_visible; yes if any row says yes
      phrase_only, phrase_only_b   1 if every row is phrase-only, else 0
      event_date, dated      first date told (text of 4, 7 or 10 characters, or missing); whether there is one
      size_class             0 one partner, 1 two to ten, 2 more than ten, or missing; largest number of its rows
      money_million_yuan, students_n   largest figure of its rows, or missing
      official               whether no page of the event is a weak source (sources.official = no)
      body                   complete if all its pages' text is, else cut or missing
      <mark>_a, <mark>_b     0 or 1 for each of MARKS
      depth_a, depth_b       number of marks, 0 to 9
    """
    rows = _coded_rows(cooperation, cooperation_a, cooperation_b, sources)
    rows["event"] = rows["event_group"] if grouped else rows["event_id"]
    rows["page"] = linked(rows["source_id"], rows["event"])
    rows["college"] = linked(rows["college_id"], rows["event"])
    frame = _joined(rows)
    for one_pass in "ab":
        frame[f"depth_{one_pass}"] = frame[[f"{mark}_{one_pass}" for mark in MARKS]].sum(axis="columns")
    return frame


def linked(members: pd.Series, groups: pd.Series) -> pd.Series:
    """Return for each member the first member, in sorted order, of its connected component.

    Two members are connected when a group holds both. Series of text with one index; nothing may be missing.
    """
    member, names = pd.factorize(members)
    group, group_names = pd.factorize(groups)
    size = len(names) + len(group_names)
    edges = coo_array((np.ones(len(member)), (member, len(names) + group)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    return members.groupby(component[member]).transform("min")


def bilateral(frame: pd.DataFrame, passes: Passes = "mean") -> pd.Series:
    """Return whether each event has a bilateral form: any but consortium, donation and other."""
    return ~form(frame, passes).isin(NOT_BILATERAL)


def form(frame: pd.DataFrame, passes: Passes = "mean") -> pd.Series:
    """Return each event's form: pass A's, unless pass B is read alone."""
    return frame["form_b" if passes == "b" else "form"].rename("form")


def signed(frame: pd.DataFrame, passes: Passes = "mean") -> pd.Series:
    """Return whether an agreement was signed: pass A's word, unless pass B is read alone."""
    return frame["signed_b" if passes == "b" else "signed"] == "yes"


def mark(frame: pd.DataFrame, name: str, passes: Passes = "mean") -> pd.Series:
    """Return the mark `name` of each event under `passes`: 0 or 1, for `mean` also 0.5."""
    a, b = (frame[f"{name}_{one_pass}"].to_numpy(float) for one_pass in "ab")
    return pd.Series(_combined(a, b, passes), frame.index, name=name)


def marks(frame: pd.DataFrame, passes: Passes = "mean") -> pd.DataFrame:
    """Return the nine marks of each event under `passes`, one column per mark."""
    a, b = (frame[[f"{name}_{one_pass}" for name in MARKS]].to_numpy(float) for one_pass in "ab")
    return pd.DataFrame(_combined(a, b, passes), frame.index, MARKS)


def depth(frame: pd.DataFrame, passes: Passes = "mean") -> pd.Series:
    """Return the depth of each event, the number of its marks: 0 to 9, for `mean` also halves."""
    return marks(frame, passes).sum(axis="columns").rename("depth")


def at_least(frame: pd.DataFrame, number: int, passes: Passes = "mean") -> pd.Series:
    """Return whether each event has at least `number` marks: 0 or 1; `mean` is the share of passes that say so."""
    if passes == "mean":
        return (at_least(frame, number, "a") + at_least(frame, number, "b")) / 2
    return (depth(frame, passes) >= number).astype(float)


def _combined(a: np.ndarray, b: np.ndarray, passes: Passes) -> np.ndarray:
    return {"mean": (a + b) / 2, "a": a, "b": b, "both": a * b, "either": np.maximum(a, b)}[passes]


def _coded_rows(
    cooperation: pd.DataFrame, cooperation_a: pd.DataFrame, cooperation_b: pd.DataFrame, sources: pd.DataFrame
) -> pd.DataFrame:
    codes = [*MARKS, "form", "signed", "phrase_only"]
    a, b = completed(cooperation["event_id"], cooperation_a, cooperation_b)
    rows = (
        cooperation.sort_values("event_id", ignore_index=True)
        .join(a[codes].rename(columns={mark: f"{mark}_a" for mark in MARKS}), on="event_id", validate="one_to_one")
        .join(b[codes].add_suffix("_b"), on="event_id", validate="one_to_one")
        .merge(sources[["source_id", "official"]], on="source_id", validate="many_to_one")
    )
    rows["official"] = rows["official"] != "no"
    rows["college_id"] = rows["institution_id"].fillna(rows["institution_zh"])
    return rows


def _joined(rows: pd.DataFrame) -> pd.DataFrame:
    ranked = rows.assign(**{name: _rank(rows[name], order) for name, order in _ORDERS.items()})
    marks_of_both = {f"{name}_{one_pass}": "max" for name in MARKS for one_pass in "ab"}
    by_event = ranked.groupby(["event", "province_code"])
    frame = by_event.agg({**_RULES, **marks_of_both})
    frame.insert(0, "rows", by_event["event_id"].agg(tuple))
    frame.insert(1, "colleges", by_event["college_id"].agg(lambda ids: tuple(sorted(set(ids)))))
    frame = frame.assign(
        **{name: _named(frame[name], order) for name, order in _ORDERS.items()},
        official=frame["official"].astype(bool),
        dated=frame["event_date"].notna(),
        size_class=_size_class(frame.pop("n_partners")),
    )
    return frame.reset_index()


def _size_class(n_partners: pd.Series) -> pd.Series:
    # The counts mix up "partners named" and "members with the college itself": only these classes are safe.
    bounds = [0, 1, 10, np.inf]
    return pd.cut(n_partners.astype(float), bounds, labels=False).astype("Int64")


def _rank(values: pd.Series, order: Sequence[str]) -> pd.Series:
    return values.map({value: rank for rank, value in enumerate(order)})


def _named(ranks: pd.Series, order: Sequence[str]) -> pd.Series:
    return ranks.map(dict(enumerate(order))).astype("str")
