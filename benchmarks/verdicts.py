"""Scenarios of verdicts: how often the study's rules decide, and decide wrongly, when the truth is known."""

from collections.abc import Callable, Mapping
from functools import partial

import colleges
import draws
import numpy as np
import pages
import pandas as pd
import policies
from judging import Judge, Judged, judge
from scenarios import Scenario
from scipy.optimize import brentq
from structure import Structure

from chanjiao import mechanism, transmission
from chanjiao.bias import tipping_sensitivity
from chanjiao.claims import SUPPORTED, decide
from chanjiao.simulated import AGAINST, ALONE, FOR, FULL
from chanjiao.statistics import Estimate, cluster_shares, stratified_ratios, within_slopes

Draw = Callable[[np.random.Generator], Judged]

SUPPORT, CONTRADICTION = "threshold for", "threshold against"
PLACES = (FOR, SUPPORT, CONTRADICTION, AGAINST)
# The truths of each indicator at these places. Of C1.2 the truth follows from a shift of the province's times.
TRUTHS: Mapping[str, tuple[float, float, float, float]] = {
    "C1.1": (0.2, 0.5, 0.5, 0.83),
    "C1.2": (1.5, 0.0, 0.0, -1.5),
    "C1.3": (0.4, 1.0, 1.0, 2.5),
    "C2.1": (0.13, 0.5, 0.5, 0.75),
    "C2.2": (0.5, 1.0, 1.0, 2.0),
    "C3.1": (0.05, 0.25, 0.5, 0.75),
    "C3.2": (0.25, 0.1, 0.1, 0.0),
    "C4.1": (0.3, 0.5, 0.5, 0.7),
    "C4.2": (0.3, 0.5, 0.5, 0.7),
    "C5.1": (-0.7, 0.0, 0.0, 0.7),
    "C5.2": (0.08, 0.25, 0.5, 0.75),
}
MODERATE = pages.INTRACLASS[1]
READINGS = ("mean", "both", "either")


def scenarios(structure: Structure) -> list[Scenario]:
    """Every indicator at its truths, by the full rule and by the interval alone."""
    return [
        scenario(structure, name, place, analysis)
        for name in TRUTHS
        for place in places(name)
        for analysis in ((FULL, ALONE) if structure.rule(name)["holds_under"] else (FULL,))
    ]


def places(indicator: str) -> list[str]:
    """The places of an indicator's truths; a threshold of both sides comes once."""
    same = TRUTHS[indicator][1] == TRUTHS[indicator][2]
    return [place for place in PLACES if not (same and place == CONTRADICTION)]


def scenario(structure: Structure, indicator: str, place: str, analysis: str) -> Scenario:
    """One indicator with its truth at a place."""
    truth, judging = TRUTHS[indicator][PLACES.index(place)], judge(structure, indicator, analysis)
    if indicator in pages.MARKS or indicator == "C2.1":
        draw = event_share(structure, indicator, truth, judging)
    elif indicator in pages.FRAMES:
        draw = event_depth(structure, indicator, truth, judging)
    else:
        draw = OTHERS[indicator](structure, truth, judging)
    if indicator == "C1.2":
        truth = policies.expected_score(structure, truth, 0.0)
    return named(structure, indicator, analysis, truth, draw, place)


def named(
    structure: Structure, indicator: str, analysis: str, truth: float, draw: Draw, place: str, note: str = ""
) -> Scenario:
    """A scenario with the numbers of units and clusters of its indicator."""
    n, clusters = sizes(structure, indicator)
    intraclass = MODERATE if indicator in pages.FRAMES else 0.0
    label = pages.text(round(truth, 2) + 0.0)
    return Scenario(indicator, analysis, label, intraclass, n, clusters, draw, place, note)


def sizes(structure: Structure, indicator: str) -> tuple[int, int]:
    """Units and clusters of an indicator, the least that its rule needs where the province has fewer."""
    if indicator in pages.FRAMES:
        frame = structure.events[pages.FRAMES[indicator]]
        own = frame[frame["side"] == 1]
        return len(own), own["page"].nunique()
    if indicator == "C1.2":
        return structure.answers["province_code"].nunique() - 1, structure.answers["parent_id"].nunique()
    documents = int(policies.enough_documents(structure.targets)["side"].sum())
    n = {"C1.1": len(structure.documents["policies"]), "C1.3": documents, "C3.2": structure.colleges}
    return n.get(indicator, colleges.LEAST), n.get(indicator, colleges.LEAST)


# Indicators on events


def event_share(
    structure: Structure, indicator: str, truth: float, judging: Judge, visible: float = 1.0
) -> Draw:
    """Draws of C2.1, C3.1 or C5.2; `visible` is the share of the true marks that the text shows."""
    frame = structure.events[pages.FRAMES[indicator]]
    sample = partial(
        pages.marks, chances=pages.chances_of(structure, indicator, truth, MODERATE),
        clusters=pages.codes(frame["page"]), intraclass=MODERATE, kappa=pages.kappa_of(structure, indicator),
        visible=visible,
    )  # fmt: skip
    return partial(
        share_verdict, sample=sample, clusters=frame["page"], least=pages.least_of(indicator), judging=judging,
        confidence=structure.confidence,
    )  # fmt: skip


def share_verdict(
    rng: np.random.Generator, sample: Callable[..., tuple[np.ndarray, np.ndarray]], clusters: pd.Series, least: int,
    judging: Judge, confidence: float,
) -> Judged:  # fmt: skip
    """Draw marks in two passes and judge the share of units with `least` of them, as the study does."""
    first, second = sample(rng)
    counts = [marks.sum(axis=1) >= least for marks in (first, second, first * second, np.maximum(first, second))]
    one, other, both, either = (count.astype(float) for count in counts)
    shares = cluster_shares(np.array([(one + other) / 2, both, either]), clusters, confidence)
    found = dict(zip(READINGS, shares, strict=True))

    def supported(share: Estimate) -> bool:
        return decide(judging.rule, share.interval) == SUPPORTED

    # At full sensitivity nothing is corrected: a verdict that does not hold even there has no tipping point.
    tipping = 1.0
    if supported(found["mean"]):
        passes = [pd.DataFrame(marks) for marks in (first, second)]
        tipping = tipping_sensitivity(passes, least, clusters, confidence, supported)
    return judging(found["mean"].with_(tipping=tipping if tipping < 1 else None), lambda: found)


def event_depth(structure: Structure, indicator: str, truth: float, judging: Judge) -> Draw:
    """Draws of C2.2 or C5.1."""
    frame = structure.events[pages.FRAMES[indicator]]
    sample = partial(
        pages.marks, chances=pages.depth_chances(structure, indicator, truth), clusters=pages.codes(frame["page"]),
        intraclass=MODERATE, kappa=structure.kappa,
    )  # fmt: skip
    estimator = ratios if indicator == "C2.2" else slopes
    return partial(
        depth_verdict, frame=frame, sample=sample, estimator=estimator, judging=judging, confidence=structure.confidence
    )


def depth_verdict(
    rng: np.random.Generator, frame: pd.DataFrame, sample: Callable[..., tuple[np.ndarray, np.ndarray]],
    estimator: Callable[..., dict[str, Estimate]], judging: Judge, confidence: float,
) -> Judged:  # fmt: skip
    """Draw marks in two passes and judge a ratio or slope of depth, as the study does."""
    first, second = sample(rng)
    depths = [(first + second) / 2, first * second, np.maximum(first, second)]
    columns = {name: depth.sum(axis=1) for name, depth in zip(READINGS, depths, strict=True)}
    found = estimator(frame.assign(**columns), int(rng.integers(2**31)), confidence)
    return judging(found["mean"], lambda: found)


def ratios(frame: pd.DataFrame, seed: int, confidence: float) -> dict[str, Estimate]:
    """C2.2 under each reading of the passes."""
    return stratified_ratios(frame, READINGS, "side", mechanism.STRATA, "page", confidence, seed, pages.DRAWS)


def slopes(frame: pd.DataFrame, seed: int, confidence: float) -> dict[str, Estimate]:
    """C5.1 under each reading of the passes."""
    return within_slopes(frame, "size_class", READINGS, "form", "page", confidence)


# Indicators on documents and colleges


def documents(structure: Structure, truth: float, judging: Judge, visible: float = 1.0) -> Draw:
    """Draws of C1.1; `visible` is the share of the documents with a target whose target can be seen."""
    return partial(
        document_verdict, tables=structure.documents, chance=truth * visible, province=structure.province,
        confidence=structure.confidence, judging=judging,
    )  # fmt: skip


def document_verdict(
    rng: np.random.Generator, tables: Mapping[str, pd.DataFrame], chance: float, province: str, confidence: float,
    judging: Judge,
) -> Judged:  # fmt: skip
    """Draw which documents show a dated target and judge C1.1."""
    shown = policies.with_targets(tables, rng.random(len(tables["policies"])) < chance)
    return judging(transmission.dated_target_share(shown, province, confidence, judging.rule))


def answer_times(structure: Structure, shift: float, judging: Judge) -> Draw:
    """Draws of C1.2 with the province's times shifted."""
    return partial(
        rank_verdict, answers=structure.answers, shift=shift, province=structure.province,
        confidence=structure.confidence, judging=judging,
    )  # fmt: skip


def rank_verdict(
    rng: np.random.Generator, answers: pd.DataFrame, shift: float, province: str, confidence: float, judging: Judge
) -> Judged:
    """Draw interval-censored times and judge C1.2, which must hold whatever the true days are."""
    drawn = policies.answer_days(rng, answers, province, shift, pace=0.0)
    estimate = transmission.rank_score(drawn, province, confidence, judging.rule)

    def variants() -> dict[str, Estimate]:
        moved = {name: transmission.shifted(drawn, province, name) for name in judging.rule["holds_under"]}
        return {name: transmission.rank_score(one, province, confidence, judging.rule) for name, one in moved.items()}

    return judging(estimate, variants)


def target_counts(structure: Structure, truth: float, judging: Judge) -> Draw:
    """Draws of C1.3."""
    frame = policies.enough_documents(structure.targets)
    means, dispersion = policies.target_means(frame)
    return partial(
        target_verdict, frame=frame, means=means * np.where(frame["side"] == 1, truth, 1.0), dispersion=dispersion,
        confidence=structure.confidence, judging=judging,
    )  # fmt: skip


def target_verdict(
    rng: np.random.Generator, frame: pd.DataFrame, means: np.ndarray, dispersion: float, confidence: float,
    judging: Judge,
) -> Judged:  # fmt: skip
    """Draw numbers of targets and judge C1.3."""
    return judging(policies.target_ratio(rng, frame, means, dispersion, confidence))


def sector_counts(structure: Structure, truth: float, judging: Judge) -> Draw:
    """Draws of C3.2 with too many colleges in the tertiary sector, so many that the expected excess is `truth`."""

    def distance_off(distance: float) -> float:
        return colleges.true_excess(structure, colleges.leaning(structure.gdp, distance, 2)) - truth

    distance = brentq(distance_off, 0.0, 0.45) if truth else 0.0
    return partial(
        sector_verdict, shares=colleges.leaning(structure.gdp, distance, 2), n=structure.colleges,
        gdp=tuple(structure.gdp), confidence=structure.confidence, judging=judging,
    )  # fmt: skip


def sector_verdict(
    rng: np.random.Generator, shares: np.ndarray, n: int, gdp: tuple[float, ...], confidence: float, judging: Judge
) -> Judged:
    """Draw the sectors of the colleges and judge C3.2."""
    value, interval = colleges.sector_fit(tuple(rng.multinomial(n, shares).tolist()), gdp, confidence)
    return judging(Estimate(value, interval, n, effective_n=float(n)))


def publishing(structure: Structure, mean: float, judging: Judge) -> Draw:
    """Draws of C4.1 or C4.2."""
    return partial(
        mean_verdict, mean=mean, spread=structure.spread, listed=structure.listed, judging=judging,
        confidence=structure.confidence,
    )  # fmt: skip


def mean_verdict(
    rng: np.random.Generator, mean: float, spread: float, listed: int, judging: Judge, confidence: float
) -> Judged:
    """Draw the shares of the publishing colleges, all exact and published at random, and judge C4."""
    drawn = draws.shares(mean, spread, colleges.LEAST, rng)
    return judging(colleges.pooled(drawn, np.zeros(len(drawn), bool), listed, confidence))


OTHERS: Mapping[str, Callable[[Structure, float, Judge], Draw]] = {
    "C1.1": documents,
    "C1.2": answer_times,
    "C1.3": target_counts,
    "C3.2": sector_counts,
    "C4.1": publishing,
    "C4.2": publishing,
}
