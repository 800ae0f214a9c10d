"""Scenarios of what rests on two passes without an indicator: coefficients of agreement, shares of the literature."""

from functools import partial

import draws
import numpy as np
import pandas as pd
from pages import ANY, AVERAGE, INTRACLASS, RANGE, codes, text
from scenarios import Run, Scenario, as_run
from structure import Structure

from chanjiao import coding, literature

KAPPAS = (0.6, 0.9)
PREVALENCES = (0.05, 0.2)
SHARES = (0.05, 0.2, 0.5)
CODE = "r_policy"
MODERATE = INTRACLASS[1]
NEAR_ONE = "near perfect agreement few units differ"
RARE = "few marked units, on a handful of pages"


def scenarios(structure: Structure) -> list[Scenario]:
    """Every scenario of coverage of this kind."""
    agreement = [
        agreement_scenario(structure, name, kappa, prevalence)
        for name in coding.COEFFICIENTS
        for prevalence in PREVALENCES
        for kappa in KAPPAS
    ]
    return [*agreement, *(work_scenario(structure, label) for label in (*map(text, SHARES), ANY))]


def agreement_scenario(structure: Structure, name: str, kappa: float, prevalence: float) -> Scenario:
    """One scenario of a coefficient of agreement of a mark, clustered by page."""
    truth = coefficients(kappa, prevalence, MODERATE)[name]
    draw = partial(
        agreement_run, pages=structure.coded, kappa=kappa, prevalence=prevalence, intraclass=MODERATE, name=name,
        truth=truth, confidence=structure.confidence, seed=structure.seed,
    )  # fmt: skip
    label = f"{truth:.2f} (mark in {prevalence:.0%})"
    method = "percentile bootstrap of pages"
    clusters = structure.coded.nunique()
    note = RARE if prevalence == min(PREVALENCES) else NEAR_ONE if kappa == max(KAPPAS) else ""
    return Scenario(name, method, label, MODERATE, len(structure.coded), clusters, draw, note=note)


def coefficients(kappa: float, prevalence: float, intraclass: float) -> dict[str, float]:
    """The coefficients of agreement in the population from which `agreement_run` draws."""
    variance = prevalence * (1 - prevalence)
    both = kappa * prevalence + (1 - kappa) * (prevalence**2 + intraclass * variance)
    agreed = 1 - 2 * (prevalence - both)
    by_marginals, by_chance = 1 - 2 * variance, 2 * variance
    same = (agreed - by_marginals) / (1 - by_marginals)
    return {"kappa": same, "alpha": same, "ac1": (agreed - by_chance) / (1 - by_chance)}


def agreement_run(
    rng: np.random.Generator, pages: pd.Series, kappa: float, prevalence: float, intraclass: float, name: str,
    truth: float, confidence: float, seed: int,
) -> Run:  # fmt: skip
    """Draw a mark in two passes, its frequency and the agreement both varying between pages, and estimate `name`."""
    place, size = codes(pages), (len(pages), 1)
    chances = draws.on_pages(np.full(size, prevalence), place, intraclass, rng)
    agreeing = draws.on_pages(np.full(size, kappa), place, intraclass, rng)
    first, second = (
        pd.DataFrame({"mark": one[:, 0]}, index=pages.index) for one in draws.two_passes(chances, agreeing, rng)
    )
    found = coding.agreement(coding.Coding("cooperation", first, second, pages), "mark", confidence, seed)[name]
    return as_run(found.value, found.interval, truth)


def work_scenario(structure: Structure, label: str) -> Scenario:
    """One scenario of the share of works with a code; `label` is the truth, or ANY."""
    truths = RANGE if label == ANY else [float(label)]
    draw = partial(
        work_run, n=structure.works, truths=list(truths), kappa=float(structure.kappa.mean()),
        confidence=structure.confidence,
    )  # fmt: skip
    note = AVERAGE if label == ANY else ""
    method = "Wilson, effective n"
    return Scenario("literature share", method, label, 0.0, structure.works, structure.works, draw, note=note)


def work_run(rng: np.random.Generator, n: int, truths: list[float], kappa: float, confidence: float) -> Run:
    """Draw a code in two passes and estimate the share of works that have it."""
    truth = truths[rng.integers(len(truths))]
    first, second = draws.two_passes(np.full((n, 1), truth), np.array([kappa]), rng)
    works = pd.DataFrame({f"{CODE}_a": first[:, 0], f"{CODE}_b": second[:, 0]})
    works["work_id"] = works.index.astype(str)
    estimate = literature.prevalence(works, [CODE], confidence)
    return as_run(estimate.value, estimate.interval, truth)
