"""How far the study's intervals and rules can be trusted: data with a known truth go through the study's own functions.

`make simulate` runs this file and writes coverage.csv and errors.csv beside it; README.md says how to read them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import colleges
import pages
import pandas as pd
import passes
import policies
import structure
import unseen
import verdicts
from judging import Judged, counted, joined, right_verdict
from scenarios import Scenario, covered, simulate

from chanjiao.claims import CONTRADICTED, SUPPORTED
from chanjiao.simulated import AGAINST, COMPARISON, FOR, FULL

FOLDER = Path(__file__).parent
RIGHT = {FOR: SUPPORTED, AGAINST: CONTRADICTED}  # the verdict on a claim whose indicators all lie at a place


def coverage_scenarios(study: structure.Structure) -> list[Scenario]:
    """Every scenario of coverage: indicators first, in order, comparisons after what is printed."""
    found = [*policies.scenarios(study), *pages.scenarios(study), *colleges.scenarios(study), *passes.scenarios(study)]
    return sorted(found, key=lambda one: (not one.indicator.startswith("C"), one.indicator, one.role == COMPARISON))


def error_scenarios(study: structure.Structure) -> list[Scenario]:
    """Every scenario of verdicts, those with misleading evidence last."""
    return [*verdicts.scenarios(study), *unseen.scenarios(study)]


def coverage_table(
    study: structure.Structure, scenarios: Sequence[Scenario], jobs: int = -1, runs: int | None = None
) -> pd.DataFrame:
    """The rows of coverage.csv, each the account of one scenario (`scenarios.covered`)."""
    found = simulate(scenarios, study.seed, jobs, runs)
    rows = [covered(one, done) for one, done in zip(scenarios, found, strict=True)]
    return pd.DataFrame(rows).assign(province=study.province)


def error_table(
    study: structure.Structure, scenarios: Sequence[Scenario], jobs: int = -1, runs: int | None = None
) -> pd.DataFrame:
    """The rows of errors.csv: one for each scenario of verdicts (`judging.counted`), then one for each claim."""
    found = simulate(scenarios, study.seed, jobs, runs)
    rows = [
        counted(
            one, [judged.verdict for judged in done], [judged.value for judged in done],
            right_verdict(study.rule(one.indicator), float(one.truth)),
        )
        for one, done in zip(scenarios, found, strict=True)
    ]  # fmt: skip
    return pd.DataFrame([*rows, *claim_rows(study, scenarios, found)]).assign(province=study.province)


def claim_rows(
    study: structure.Structure, scenarios: Sequence[Scenario], found: Sequence[Sequence[Judged]]
) -> list[dict[str, object]]:
    """The rows of the claims: their indicators joined run by run, all with their truth at the same place."""
    full = {
        (one.indicator, one.role): (one, done)
        for one, done in zip(scenarios, found, strict=True)
        if one.method == FULL
    }
    rows = []
    for claim, entry in study.book["claims"].items():
        for place in verdicts.PLACES:
            parts = {name: full[name, at(name, place)] for name in entry["indicators"]}
            if place == verdicts.CONTRADICTION and all(at(name, place) != place for name in parts):
                continue
            results = joined(study, {name: done for name, (_, done) in parts.items()})
            first, size = next(iter(parts.values()))[0], len(parts)
            named = replace(first, indicator=claim, truth="all indicators", n=size, clusters=size, role=place)
            rows.append(counted(named, results, [], RIGHT.get(place)))
    return rows


def at(indicator: str, place: str) -> str:
    """The place of an indicator's truth that stands for `place`: a threshold of both sides is kept under one name."""
    return place if place in verdicts.places(indicator) else verdicts.SUPPORT


def write(table: pd.DataFrame, name: str) -> None:
    """Write a table beside this file."""
    table.to_csv(FOLDER / name, index=False, lineterminator="\n")


def main() -> None:
    """Run everything and write both tables."""
    study = structure.read()
    write(coverage_table(study, coverage_scenarios(study)), "coverage.csv")
    write(error_table(study, error_scenarios(study)), "errors.csv")


if __name__ == "__main__":
    main()
