"""What further evidence would decide: how many rows of which table, if the estimate held.

Two assumptions stand behind every number: the estimate stays where it is, and further rows are like those there are
(as many to a page, as many on the other side). For shares the number is exact, since Wilson's bound passes a threshold
where the score test does; for other estimates the interval is taken to narrow with the square root of the rows.
"""

import json
import math
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from chanjiao.claims import (
    BIAS,
    BOUNDS,
    CONTRADICTED,
    INTERVAL,
    MINIMUM,
    MIXED,
    SUPPORTED,
    VARIANTS,
    Rule,
    limits,
    threshold,
)
from chanjiao.pipeline import PROCESSED

Judged = Mapping[str, Any]
VERDICTS = (SUPPORTED, CONTRADICTED)
OUT_OF_REACH = 20  # nobody will collect more than this many times the rows there are
NEVER = math.inf  # no number of further rows would do
SHOWN = "tbl-synthesis-claims-decide"  # the table of 07_synthesis that `chanjiao gaps` prints
COLUMNS = ["Claim", "Verdict", "Indicators", "Tables", "Further rows", "What would decide it"]
WIDTH = 100


class GapsError(ValueError):
    """There are no results to read; the message says what to do."""


# Indicators


def indicator_gaps(claims: Mapping[str, Any], verdicts: Mapping[str, Any], confidence: float) -> pd.DataFrame:
    """What would decide every undecided or insufficient indicator, one row each.

    Columns: indicator, verdict, table, further_rows (missing where rows alone would not do), what_would_decide (in
    words), detectable_below, detectable_above (see the module `power`). `verdicts` is that of `synthesis.judge`.
    """
    rows = [
        (
            *(one[part] for part in ("id", "verdict", "table")),
            *_further(rule, one, claims["joining"], confidence),
            *(one[part] for part in ("detectable_below", "detectable_above")),
        )
        for rule, one in _indicators(claims, verdicts)
        if one["verdict"] not in VERDICTS
    ]
    columns = ["indicator", "verdict", "table", "further_rows", "what_would_decide"]
    frame = pd.DataFrame(rows, columns=[*columns, "detectable_below", "detectable_above"])
    return frame.astype({"further_rows": "Int64", "detectable_below": float, "detectable_above": float})


def rows_for(rule: Rule, judged: Judged, verdict: str, joining: Rule, confidence: float) -> float:
    """Further rows that would give an indicator `verdict` if its estimate held; 0 if it has it, NEVER if none would.

    The minimum, the interval of the estimate and of every variant that must agree, and half of the colleges publishing,
    where the rule asks for it, all have to be reached. Without an estimate the minimum alone counts.
    """
    if judged["verdict"] in VERDICTS:
        return 0 if judged["verdict"] == verdict else NEVER
    condition = rule.get(f"{verdict}_when")
    unseen = judged["obstacle"] == BIAS and rule["bias"] == "misclassification"
    if condition is None or unseen:
        return NEVER
    readings = _readings(judged) if judged["value"] is not None else []
    interval = [_rows_for_interval(rule, judged, condition, reading, confidence) for reading in readings]
    return max(_lacking(rule, judged), _silent(rule, judged, verdict, joining), *interval, 1)


def _further(rule: Rule, judged: Judged, joining: Rule, confidence: float) -> tuple[int | None, str]:
    ways = {verdict: rows_for(rule, judged, verdict, joining, confidence) for verdict in VERDICTS}
    nearest = min(VERDICTS, key=lambda verdict: ways[verdict])
    needed = ways[nearest]
    first = f"{judged['reason']}; " if judged["obstacle"] == MINIMUM else ""
    if first and (judged["value"] is None or needed == NEVER):
        # Nothing says yet on which side the estimate will lie, or how wide its interval will be.
        rows = _lacking(rule, judged) if needed == NEVER else int(needed)
        return rows, f"{first}{_rows(rule, judged, rows)} could decide it"
    if needed == NEVER:
        return None, _why_never(rule, judged)
    rows = int(needed)
    unsafe = rule.get("bias") == "misclassification" and rule["safe_direction"] != nearest
    allowed = " and its bias analysis let the verdict stand" if unsafe else ""
    far = ", out of reach: it lies close to the threshold" if rows > OUT_OF_REACH * _there(rule, judged) else ""
    return rows, f"{first}{nearest} after about {_rows(rule, judged, rows)} if the estimate held{allowed}{far}"


def _there(rule: Rule, judged: Judged) -> int:
    # A rank score narrows with the national documents answered, everything else with the rows.
    return judged["clusters"] if rule["unit"] == "rank score" else judged["n"]


def _rows(rule: Rule, judged: Judged, number: int) -> str:
    if rule["unit"] == "rank score" and judged["obstacle"] != MINIMUM:
        documents = "national document" if number == 1 else "national documents"
        return f"{number:,} further {documents} answered with a date in {rule['table']}.csv"
    noun = rule.get("further", f"further row{'' if number == 1 else 's'} of {rule['table']}.csv")
    return f"{number:,} {noun}"


def _readings(judged: Judged) -> list[Judged]:
    """The printed estimate and the variants that must agree with it."""
    return [judged, *judged["variants"].values()]


def _why_never(rule: Rule, judged: Judged) -> str:
    """Why no number of further rows would decide."""
    if judged["obstacle"] not in (INTERVAL, VARIANTS):
        return f"more rows alone would not decide: {judged['reason']}"
    known = {name: reading["value"] for name, reading in judged["variants"].items() if reading["interval"]}
    missing = [name for name in rule["holds_under"] if known.get(name) is None]
    if missing:
        return f"more rows alone would not decide: there is no estimate under the variant “{missing[0]}”"
    values = known.values()
    if any(min(values, default=limit) < limit < max(values, default=limit) for limit in limits(rule).values()):
        return f"more rows alone would not decide: {' and '.join(known)} lie on different sides"
    if any(_is_open(rule, reading["interval"]) for reading in _readings(judged)):
        return "more rows would decide if the estimate held, how many an open interval does not tell"
    return "more rows would not decide: no threshold lies on this side of the estimate"


def _is_open(rule: Rule, interval: list[float]) -> bool:
    return math.isinf(interval[1]) or ("ratio" in rule["unit"] and interval[0] <= 0)


def _lacking(rule: Rule, judged: Judged) -> int:
    """Rows that the minimum still asks for; a row brings at most one unit or cluster."""
    return max(0, *(needed - (judged[count] or 0) for count, needed in rule["minimum"].items()))


def _silent(rule: Rule, judged: Judged, verdict: str, joining: Rule) -> float:
    """Further colleges that must publish before a verdict in the unsafe direction stands."""
    if rule.get("bias") != "silent_colleges" or rule["safe_direction"] in ("both", verdict):
        return 0
    if not judged["publishing"]:
        return 0
    listed = judged["n"] / judged["publishing"]
    return max(0, math.ceil(round(joining["publishing_floor"] * listed, 6)) - judged["n"])


def _rows_for_interval(rule: Rule, judged: Judged, condition: Rule, reading: Judged, confidence: float) -> float:
    limit, value = threshold(condition), reading["value"]
    if value is None or reading["interval"] is None or value == limit or (value < limit) != ("below" in condition):
        return NEVER
    there = _there(rule, judged)
    if rule["unit"] == "share" and rule.get("bias") == "misclassification":
        total = _rows_by_score_test(value, limit, judged, confidence)
    else:
        total = there * _growth(rule, condition, reading)
    # One more than the exact number, since the bound must pass the threshold and not only reach it.
    return NEVER if math.isinf(total) else max(0, math.floor(round(total, 6)) + 1 - there)


def _rows_by_score_test(value: float, limit: float, judged: Judged, confidence: float) -> float:
    """Rows at which Wilson's bound reaches the threshold, at the present design effect.

    It lies beyond where (value - limit)² / (limit (1 - limit) / effective n) exceeds the squared normal quantile.
    """
    quantile = stats.norm.ppf((1 + confidence) / 2)
    effective = quantile**2 * limit * (1 - limit) / (value - limit) ** 2
    return float(effective * judged["n"] / (judged["effective_n"] or judged["n"]))


def _growth(rule: Rule, condition: Rule, reading: Judged) -> float:
    """By how much the sample must grow: (half-width / distance to the threshold) squared; infinite for an open end."""
    limit, value = threshold(condition), reading["value"]
    end = reading["interval"][BOUNDS[condition["bound"]]]
    if "ratio" in rule["unit"]:
        if min(value, end) <= 0:
            return math.inf
        limit, value, end = math.log(limit), math.log(value), math.log(end)
    return ((end - value) / (limit - value)) ** 2


def _indicators(claims: Mapping[str, Any], verdicts: Mapping[str, Any]) -> Iterator[tuple[Rule, Judged]]:
    for name, judged in verdicts.items():
        for one in judged["indicators"]:
            yield claims["claims"][name]["indicators"][one["id"]], one


# Claims


def claim_gaps(claims: Mapping[str, Any], verdicts: Mapping[str, Any], confidence: float) -> pd.DataFrame:
    """The cheapest way to a verdict on every claim: to any verdict where none leans, else to a full one.

    Columns: claim, verdict, indicators and tables (that the way rests on), further_rows (of those tables together;
    missing where rows alone would not do), what_would_decide (in words).
    """
    rows = []
    for name, judged in verdicts.items():
        rules = claims["claims"][name]["indicators"]
        way = _claim_way(rules, judged, claims["joining"], confidence)
        rows.append((name, judged["verdict"], *way))
    columns = ["claim", "verdict", "indicators", "tables", "further_rows", "what_would_decide"]
    return pd.DataFrame(rows, columns=columns).astype({"further_rows": "Int64"})


Way = tuple[str, str, int | None, str]  # indicators, tables, further rows, words


def _claim_way(rules: Mapping[str, Rule], judged: Judged, joining: Rule, confidence: float) -> Way:
    verdict, indicators = judged["verdict"], judged["indicators"]
    if verdict in VERDICTS:
        return "", "", 0, "nothing: the verdict is full"
    if verdict == MIXED:
        decided = " and ".join(one["id"] for one in indicators if one["verdict"] in VERDICTS)
        return "", "", None, f"more rows would not decide: {decided} are decided on different sides"
    if verdict.startswith("leaning"):
        return _full_way(rules, indicators, verdict.removeprefix("leaning "), joining, confidence)
    return _first_way(rules, indicators, joining, confidence)


def _first_way(rules: Mapping[str, Rule], indicators: list[Judged], joining: Rule, confidence: float) -> Way:
    """The indicator that the fewest rows would decide."""
    found = [(_further(rules[one["id"]], one, joining, confidence), one) for one in indicators]
    possible = [(rows, words, one) for (rows, words), one in found if rows is not None]
    if not possible:
        return "", "", None, _each(indicators, [words for (_, words), _ in found])
    rows, words, one = min(possible, key=lambda way: (way[2]["value"] is None, way[0]))
    lean = "" if words.endswith("could decide it") else "; the claim would then lean"
    return one["id"], one["table"], rows, f"{one['id']}: {words}{lean}"


def _full_way(
    rules: Mapping[str, Rule], indicators: list[Judged], verdict: str, joining: Rule, confidence: float
) -> Way:
    """The tables whose indicators the fewest rows would decide alike, each on enough effective units."""
    by_table: dict[str, tuple[float, str]] = {}
    for one in indicators:
        rows = _rows_to_carry(rules[one["id"]], one, verdict, joining, confidence)
        by_table[one["table"]] = min(by_table.get(one["table"], (NEVER, "")), (rows, one["id"]))
    if len(by_table) < joining["tables"]:
        return "", "", None, f"it can only lean: all its indicators rest on {', '.join(by_table)}.csv"
    cheapest = sorted(by_table.items(), key=lambda item: item[1])[: joining["tables"]]
    if any(rows == NEVER for _, (rows, _) in cheapest):
        open_ones = [one for one in indicators if by_table[one["table"]][0] == NEVER]
        reasons = [_why_not_full(rules[one["id"]], one, joining, confidence) for one in open_ones]
        return "", "", None, f"a full verdict needs a second table; {_each(open_ones, reasons)}"
    lacking = [(table, int(rows), one) for table, (rows, one) in cheapest if rows]
    by_id = {one["id"]: one for one in indicators}
    words = " and ".join(f"{_rows(rules[one], by_id[one], rows)} for {one}" for _, rows, one in lacking)
    names, tables = ", ".join(one for _, _, one in lacking), ", ".join(table for table, _, _ in lacking)
    return names, tables, sum(rows for _, rows, _ in lacking), f"a full verdict: about {words} if the estimates held"


def _rows_to_carry(rule: Rule, judged: Judged, verdict: str, joining: Rule, confidence: float) -> float:
    """Rows after which an indicator has the verdict and rests on enough effective units."""
    effective = judged["effective_n"] or judged["n"]
    if judged["value"] is None or not effective:
        return NEVER
    wanted = math.ceil(round(joining["effective_n"] * judged["n"] / effective, 6)) - judged["n"]
    return max(rows_for(rule, judged, verdict, joining, confidence), wanted)


def _why_not_full(rule: Rule, judged: Judged, joining: Rule, confidence: float) -> str:
    if judged["obstacle"] == MINIMUM:
        return judged["reason"]
    if _further(rule, judged, joining, confidence)[0] is None:
        return _why_never(rule, judged)
    return "the estimate lies on the other side"


def _each(indicators: list[Judged], words: list[str]) -> str:
    return "; ".join(f"{one['id']}: {reason}" for one, reason in zip(indicators, words, strict=True))


# Tables for a reader


def indicator_gaps_table(frame: pd.DataFrame) -> pd.DataFrame:
    """`indicator_gaps` with column names for a reader."""
    names = ["Indicator", "Verdict", "Table", "Further rows", "What would decide it", "Found below", "Found above"]
    return frame.set_axis(names, axis="columns")


def claim_gaps_table(frame: pd.DataFrame) -> pd.DataFrame:
    """`claim_gaps` with column names for a reader; a cell without indicators or tables is missing."""
    return frame.replace("", None).set_axis(COLUMNS, axis="columns")


def read(root: Path, province: str) -> str:
    """The text that `chanjiao gaps` prints for a province, from what 07_synthesis left.

    Raises GapsError if the province has no results yet.
    """
    folder = root / PROCESSED / "synthesis" / province
    table = folder / "tables" / f"{SHOWN}.csv"
    if not table.is_file():
        raise GapsError(
            f"{table.relative_to(root).as_posix()}: no such file; expected the results of province {province}; "
            "do name the province in params.yaml and run `make repro`"
        )
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))["results"]
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    return report(f"{results['synthesis.province']['value']} ({province})", frame)


def report(title: str, frame: pd.DataFrame) -> str:
    """A table of `claim_gaps_table` as plain text of at most 100 columns: claim, verdict, what would decide it."""
    rows = [("Claim", "Verdict", "What would decide it")]
    rows += list(frame[["Claim", "Verdict", "What would decide it"]].itertuples(index=False, name=None))
    first, second = (max(len(row[place]) for row in rows) for place in (0, 1))
    lines = [title, ""]
    for claim, verdict, words in rows:
        text = textwrap.wrap(words, WIDTH - first - second - 4, break_on_hyphens=False)
        lines.append(f"{claim:<{first}}  {verdict:<{second}}  {text[0]}")
        lines += [" " * (first + second + 4) + line for line in text[1:]]
    return "\n".join(lines) + "\n"
