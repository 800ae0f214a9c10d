"""Scenarios of indicators that rest on colleges: C3.2 (sectors against GDP) and C4 (dual-qualified teachers)."""

from functools import cache, partial

import draws
import numpy as np
import pandas as pd
from pages import text
from scenarios import Run, Scenario, as_run
from structure import Structure

from chanjiao import operation
from chanjiao.sectors import dissimilarity, excess_interval, expected_dissimilarity
from chanjiao.statistics import Estimate, Interval

DISTANCES = (0.0, 0.08, 0.17, 0.3)  # true dissimilarity of the colleges drawn, before chance
MEANS = (0.3, 0.5, 0.65, 0.8)
LEAST = 10  # colleges that C4 needs where the province has fewer
BOUND = 0.2  # share of colleges that publish "more than", as in the real table
BASE = "full_time_teachers"
INVERTED = "the index takes few values and cannot fall below 0"
SKEWED, SKEWED_FROM = "shares near 1 are skewed, far from the threshold", 0.8
BOUNDS = "a college in five publishes a lower bound only, and the interval reaches over what it may be"


def scenarios(structure: Structure) -> list[Scenario]:
    """Every scenario of coverage of this kind."""
    fits = [
        fit_scenario(structure, distance, sector)
        for sector in (2, 1)
        for distance in (DISTANCES if sector == 2 else DISTANCES[1:])
    ]
    means = [mean_scenario(structure, mean, bounded) for bounded in (False, True) for mean in MEANS]
    return [*fits, *means]


# C3.2


def fit_scenario(structure: Structure, distance: float, sector: int) -> Scenario:
    """One scenario of the excess dissimilarity: too many colleges in one sector (0, 1 or 2), too few in the others."""
    shares = leaning(structure.gdp, distance, sector)
    truth = true_excess(structure, shares)
    draw = partial(
        fit_run, shares=shares, n=structure.colleges, gdp=tuple(structure.gdp), truth=truth,
        confidence=structure.confidence,
    )  # fmt: skip
    n = structure.colleges
    label = text(round(truth, 2) + 0.0) + (f" (too many {operation.SECTORS[sector]})" if distance else "")
    return Scenario("C3.2", "inverted exact test", label, 0.0, n, n, draw, note=INVERTED)


def leaning(gdp: np.ndarray, distance: float, sector: int) -> np.ndarray:
    """Shares of the sectors at this dissimilarity from GDP, the excess in one of them."""
    extreme = np.eye(3)[sector]
    return gdp + (extreme - gdp) * distance / float(dissimilarity(extreme, gdp))


def true_excess(structure: Structure, shares: np.ndarray) -> float:
    """The expected excess of as many colleges as there are, drawn from these shares."""
    by_chance = expected_dissimilarity(structure.colleges, structure.gdp)
    return expected_dissimilarity(structure.colleges, structure.gdp, shares) - by_chance


def fit_run(
    rng: np.random.Generator, shares: np.ndarray, n: int, gdp: tuple[float, ...], truth: float, confidence: float
) -> Run:
    """Draw the sectors of the colleges and estimate C3.2."""
    return as_run(*sector_fit(tuple(rng.multinomial(n, shares).tolist()), gdp, confidence), truth)


@cache
def sector_fit(counts: tuple[int, ...], gdp: tuple[float, ...], confidence: float) -> tuple[float, Interval]:
    """The excess dissimilarity and its interval; the same counts come often."""
    n, reference = sum(counts), np.array(gdp)
    value = float(dissimilarity(np.array(counts) / n, reference)) - expected_dissimilarity(n, reference)
    return value, excess_interval(np.array(counts), reference, confidence)


# C4


def mean_scenario(structure: Structure, mean: float, bounded: bool) -> Scenario:
    """One scenario of the mean share over publishing colleges, all shares exact or some of them bounds."""
    draw = partial(
        mean_run, mean=mean, spread=structure.spread, bounded=bounded, listed=structure.listed,
        confidence=structure.confidence,
    )  # fmt: skip
    method = "t over colleges, with bounds" if bounded else "t over colleges"
    note = BOUNDS if bounded else SKEWED if mean >= SKEWED_FROM else ""
    return Scenario("C4", method, text(mean), 0.0, LEAST, LEAST, draw, note=note)


def mean_run(
    rng: np.random.Generator, mean: float, spread: float, bounded: bool, listed: int, confidence: float
) -> Run:
    """Draw the shares of the publishing colleges and estimate C4."""
    drawn = draws.shares(mean, spread, LEAST, rng)
    more_than = (rng.random(LEAST) < BOUND) & bounded
    estimate = pooled(drawn, more_than, listed, confidence)
    return as_run(estimate.value, estimate.interval, mean)


def pooled(drawn: np.ndarray, more_than: np.ndarray, listed: int, confidence: float) -> Estimate:
    """C4 of these shares; where a college says `more_than`, its share cut down to the next twentieth is printed."""
    low = np.where(more_than, np.floor(20 * drawn) / 20, drawn)
    high = np.where(more_than, 1.0, drawn)
    frame = pd.DataFrame({"denominator": BASE, "share": low, "low": low, "high": high})
    frame["fact_keys"] = [[] for _ in drawn]
    return operation.pooled_share(frame, BASE, listed, confidence, LEAST)
