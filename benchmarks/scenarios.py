"""A scenario is a way to draw data with a known truth; this runs scenarios and counts what the intervals did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from joblib import Parallel, delayed

from chanjiao.simulated import ALLOWANCE, GOAL, PRINTED
from chanjiao.statistics import Interval

CHECKED = 20  # runs whose mean estimate is kept, so that a test can tell a stale table
CHUNK = 250  # runs a worker does at once
SLACK = 1e-9  # rounding must not put a truth outside an interval that ends on it


class Run(NamedTuple):
    """One simulated study: the estimate, its interval (missing: not a number) and the truth behind it."""

    value: float
    low: float
    high: float
    truth: float


@dataclass(frozen=True)
class Scenario:
    """What is drawn and how often; the first fields name it and become columns of the table.

    role is `printed` for the method the study prints, `comparison` for one shown to see what it would cost. `draw`
    takes a random generator and returns one simulated study.
    """

    indicator: str
    method: str
    truth: str
    intraclass: float
    n: int
    clusters: int
    draw: Callable[[np.random.Generator], Any] = field(repr=False)
    role: str = PRINTED
    note: str = ""
    runs: int = 1000

    def generator(self, number: int, seed: int) -> np.random.Generator:
        """The random generator of run `number`: the same whatever other scenarios, runs and workers there are."""
        name = "|".join([self.indicator, self.method, self.role, self.truth, f"{self.intraclass:g}", str(self.n)])
        return np.random.default_rng([seed, crc32(name.encode()), number])


def as_run(value: float | None, interval: Interval | None, truth: float) -> Run:
    """One simulated study from an estimate; what is missing becomes not-a-number."""
    low, high = interval or (np.nan, np.nan)
    return Run(np.nan if value is None else value, low, high, truth)


def simulate(scenarios: Sequence[Scenario], seed: int, jobs: int = -1, runs: int | None = None) -> list[list[Any]]:
    """All runs of every scenario in order, on `jobs` workers (-1: all cores); `runs` overrides their numbers."""
    chunks = [
        (place, range(start, min(start + CHUNK, runs or one.runs)))
        for place, one in enumerate(scenarios)
        for start in range(0, runs or one.runs, CHUNK)
    ]
    parts = Parallel(jobs)(delayed(_runs)(scenarios[place], numbers, seed) for place, numbers in chunks)
    found: list[list[Any]] = [[] for _ in scenarios]
    for (place, _), part in zip(chunks, parts, strict=True):
        found[place].extend(part)
    return found


def _runs(scenario: Scenario, numbers: range, seed: int) -> list[Any]:
    return [scenario.draw(scenario.generator(number, seed)) for number in numbers]


def check(values: Sequence[float]) -> float:
    """The mean estimate of the first runs, six digits: two tables of the same code and data have the same."""
    known = [value for value in values[:CHECKED] if not np.isnan(value)]
    return float(f"{np.mean(known):.6g}") + 0.0 if known else np.nan


def covered(scenario: Scenario, runs: Sequence[Run]) -> dict[str, Any]:
    """One row of coverage.csv: how often the interval held the truth, or lay wholly below or above it.

    Runs without interval are counted in `missing` and left out of the other shares; `error` is the standard error of
    the coverage that the number of runs leaves, width the median width.
    """
    value, low, high, truth = np.array(runs, float).T
    there = ~np.isnan(low)
    below, above = high[there] < truth[there] - SLACK, low[there] > truth[there] + SLACK
    coverage = round(float(1 - below.mean() - above.mean()), 4)
    error = round(float(np.sqrt(coverage * (1 - coverage) / there.sum())), 4)
    return {
        "indicator": scenario.indicator,
        "method": scenario.method,
        "role": scenario.role,
        "truth": scenario.truth,
        "n": scenario.n,
        "clusters": scenario.clusters,
        "intraclass": scenario.intraclass,
        "runs": len(runs),
        "coverage": coverage,
        "error": error,
        "below": round(float(below.mean()), 4),
        "above": round(float(above.mean()), 4),
        "width": round(float(np.median((high - low)[there])), 3),
        "missing": round(float(1 - there.mean()), 4),
        "goal": within_goal(coverage, error),
        "check": check(value.tolist()),
        "note": scenario.note,
    }


def within_goal(coverage: float, error: float) -> str:
    """`yes` if a coverage lies within GOAL, ALLOWANCE errors of the simulation allowed for, else `no`."""
    return "yes" if GOAL[0] - ALLOWANCE * error <= coverage <= GOAL[1] + ALLOWANCE * error else "no"
