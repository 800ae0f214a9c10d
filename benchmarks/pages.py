"""Scenarios of indicators that rest on events clustered by page: C2.1, C2.2, C3.1, C5.1, C5.2 and the mean depth."""

from collections.abc import Callable, Sequence
from functools import partial

import draws
import naive
import numpy as np
import pandas as pd
from scenarios import Run, Scenario, as_run
from structure import Structure

from chanjiao import events, mechanism, operation
from chanjiao.simulated import COMPARISON, PRINTED
from chanjiao.statistics import Estimate, cluster_share, stratified_ratios, within_slope

Options = Sequence[tuple[float, np.ndarray]]  # a truth and the chances of the marks that have it; one is drawn a run
Sample = Callable[..., np.ndarray]
Estimator = Callable[[pd.DataFrame, np.random.Generator, float], Estimate]

INTRACLASS = (0.0, 0.3, 0.6)  # none; moderate; strong, as the few real pages with several events suggest
STRONG = INTRACLASS[-1]
RANGE = np.linspace(0.05, 0.95, 19)
ANY = "0.05 to 0.95"
AVERAGE = "the truth is drawn anew in each run, which gives the average over many truths"
COLLEGES = "the events of a college are alike, not only those of a page"
DISCRETE = "few units take few values, so coverage swings with the truth"
SKEWED = "numbers of few marks are skewed, most of all where pages differ"
DRAWS = 999  # resamples a run; the study prints with 2,000

METHODS = {
    "page": "Wilson, effective n",
    "event": "Wilson, events independent",
    "college": "Wilson, effective n, clusters are colleges",
}
FRAMES = {"C2.1": "signed", "C2.2": "compared", "C3.1": "bilateral", "C5.1": "sized", "C5.2": "several"}
MARKS = {"C3.1": operation.CURRICULUM, "C5.2": mechanism.JOINT_BODY}
TRUTHS = {
    "C2.1": (0.13, 0.3, 0.5, 0.7),
    "C3.1": (0.1, 0.25, 0.5, 0.7),
    "C5.2": (0.1, 0.25, 0.33, 0.5, 0.7),
    "C2.2": (0.6, 1.0, 1.6),
    "C5.1": (-0.3, 0.0, 0.4),
    "mean depth": (0.3, 1.0, 3.0),
}


def scenarios(structure: Structure) -> list[Scenario]:
    """Every scenario of coverage of this kind, and the naive intervals for comparison."""
    shares = [
        share_scenario(structure, name, label, intraclass)
        for name in ("C2.1", "C3.1", "C5.2")
        for intraclass in INTRACLASS
        for label in (*map(text, TRUTHS[name]), ANY)
    ]
    means = [
        depth_scenario(structure, name, truth, intraclass)
        for name in ("C2.2", "C5.1", "mean depth")
        for intraclass in INTRACLASS
        for truth in TRUTHS[name]
    ]
    return [*shares, *means, *comparisons(structure)]


def text(truth: float) -> str:
    """A truth as it is named in the tables."""
    return f"{truth:g}"


def comparisons(structure: Structure) -> list[Scenario]:
    """What naive intervals would do under strong page effects, and either cluster if events of a college were alike."""
    return [
        *(share_scenario(structure, name, ANY, STRONG, cluster="event") for name in ("C2.1", "C3.1", "C5.2")),
        *(
            share_scenario(structure, name, ANY, STRONG, cluster, effect="college")
            for cluster in ("page", "college")
            for name in ("C2.1", "C3.1", "C5.2")
        ),
        depth_scenario(structure, "C2.2", 1.0, STRONG, partial(ratio, cluster="event"), "bootstrap of events"),
        depth_scenario(
            structure, "C5.1", 0.0, STRONG, partial(slope, cluster="event"), "least squares, events independent"
        ),
        depth_scenario(structure, "C5.1", 0.0, STRONG, naive.slope_cr1, "CR1, clusters - 1"),
        depth_scenario(structure, "C5.1", 0.0, STRONG, naive.slope_bootstrap, "percentile bootstrap of pages"),
        depth_scenario(structure, "mean depth", 1.0, STRONG, naive.mean_of_events, "t, events independent"),
    ]


# Shares of events


def share_scenario(
    structure: Structure, indicator: str, label: str, intraclass: float, cluster: str = "page", effect: str = "page"
) -> Scenario:
    """One scenario of a share of events.

    `label` is the truth, or ANY. `cluster` names the column that the interval takes for clusters, `effect` the one
    whose members really are alike.
    """
    frame = structure.events[FRAMES[indicator]]
    sample = partial(
        mean_mark, clusters=codes(frame[effect]), intraclass=intraclass, kappa=kappa_of(structure, indicator),
        least=least_of(indicator),
    )  # fmt: skip
    values = RANGE if label == ANY else [float(label)]
    options = [(value, chances_of(structure, indicator, value, intraclass)) for value in values]
    draw = partial(share_run, options=options, sample=sample, clusters=frame[cluster], confidence=structure.confidence)
    method = METHODS[cluster]
    return Scenario(
        indicator, method if effect == "page" else f"{method}, effect of {effect}", label, intraclass, len(frame),
        frame["college" if cluster == "college" else "page"].nunique(), draw,
        role=PRINTED if cluster == effect == "page" else COMPARISON,
        note=COLLEGES if effect == "college" else AVERAGE if label == ANY else DISCRETE,
    )  # fmt: skip


def chances_of(structure: Structure, indicator: str, share: float, intraclass: float) -> np.ndarray:
    """The chances of the marks with which a unit of the indicator counts with the chance `share`."""
    if indicator != "C2.1":
        return np.array([share])
    return draws.tilted_to_share(structure.prevalence, share, mechanism.DEEP, intraclass)


def kappa_of(structure: Structure, indicator: str) -> np.ndarray:
    """Cohen's kappa of the marks that the indicator rests on."""
    if indicator in MARKS:
        return structure.kappa[[events.MARKS.index(MARKS[indicator])]]
    return structure.kappa


def least_of(indicator: str) -> int:
    """How many marks a unit of a share needs to count."""
    return mechanism.DEEP if indicator == "C2.1" else 1


def share_run(
    rng: np.random.Generator, options: Options, sample: Sample, clusters: pd.Series, confidence: float
) -> Run:
    """Draw marks on pages and estimate their share as C2.1, C3.1 and C5.2 do."""
    truth, chances = options[int(rng.integers(len(options)))]
    estimate = cluster_share(pd.Series(sample(rng, chances)), clusters, confidence)
    return as_run(estimate.value, estimate.interval, truth)


def mean_mark(
    rng: np.random.Generator, chances: np.ndarray, clusters: np.ndarray, intraclass: float, kappa: np.ndarray,
    least: int,
) -> np.ndarray:  # fmt: skip
    """Draw whether units have at least `least` marks, mean over two passes."""
    first, second = marks(rng, chances, clusters, intraclass, kappa)
    return np.asarray(((first.sum(axis=1) >= least).astype(float) + (second.sum(axis=1) >= least)) / 2)


def marks(
    rng: np.random.Generator, chances: np.ndarray, clusters: np.ndarray, intraclass: float, kappa: np.ndarray,
    visible: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Draw the marks of both passes (units x marks); `chances` are those of all units, or of each."""
    each = np.broadcast_to(chances, (len(clusters), len(kappa)))
    return draws.two_passes(draws.on_pages(each, clusters, intraclass, rng), kappa, rng, visible)


def codes(labels: pd.Series) -> np.ndarray:
    """Labels as numbers from 0."""
    return np.asarray(pd.factorize(labels)[0])


# Depth of events


def depth_scenario(
    structure: Structure, indicator: str, truth: float, intraclass: float, estimator: Estimator | None = None,
    method: str | None = None,
) -> Scenario:  # fmt: skip
    """One scenario of C2.2, C5.1 or the mean depth, by the study's estimator or by another one."""
    frame = structure.events[FRAMES.get(indicator, "told")]
    sample = partial(
        depths, chances=depth_chances(structure, indicator, truth), clusters=codes(frame["page"]),
        intraclass=intraclass, kappa=structure.kappa,
    )  # fmt: skip
    usual, name = USUAL[indicator]
    draw = partial(
        depth_run, frame=frame, sample=sample, estimator=estimator or usual, truth=truth,
        confidence=structure.confidence,
    )  # fmt: skip
    here = frame[frame["side"] == 1]
    return Scenario(
        indicator, method or name, text(truth), intraclass, len(here), here["page"].nunique(), draw,
        role=PRINTED if estimator is None else COMPARISON,
        note=SKEWED if indicator == "mean depth" and truth < 1 else "",
    )  # fmt: skip


def depth_chances(structure: Structure, indicator: str, truth: float) -> np.ndarray:
    """Chances of the marks, units x marks, under which the ratio, the slope or the mean is `truth`."""
    expected = {"C2.2": ratio_depths, "C5.1": trend_depths}.get(indicator, level_depths)
    return tilted(structure.prevalence, expected(structure.events[FRAMES.get(indicator, "told")], truth))


def ratio_depths(frame: pd.DataFrame, ratio: float) -> np.ndarray:
    """Expected depths: those of each stratum elsewhere, `ratio` times as many in the province."""
    usual = frame.groupby(mechanism.STRATA)["depth"].transform("mean").clip(lower=0.3).to_numpy(float)
    return usual * np.where(frame["side"] == 1, ratio, 1.0)


def trend_depths(frame: pd.DataFrame, slope: float) -> np.ndarray:
    """Expected depths, linear in the size class; a form starts higher where its line would end below 0.2."""
    rise = slope * frame["size_class"]
    start = frame.groupby("form")["depth"].transform("mean").clip(lower=0.3)
    needed = 0.2 - rise.groupby(frame["form"]).transform("min")
    return np.maximum(start.to_numpy(float), needed.to_numpy(float)) + rise.to_numpy(float)


def level_depths(frame: pd.DataFrame, mean: float) -> np.ndarray:
    """The same expected depth for all events."""
    return np.full(len(frame), mean)


def tilted(prevalence: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Chances of the marks, units x marks, that add up to each unit's expected depth."""
    values, places = np.unique(expected, return_inverse=True)
    return np.array([draws.tilted_to_depth(prevalence, value) for value in values])[places]


def depths(
    rng: np.random.Generator, chances: np.ndarray, clusters: np.ndarray, intraclass: float, kappa: np.ndarray
) -> np.ndarray:
    """Draw depths of units, mean over two passes."""
    first, second = marks(rng, chances, clusters, intraclass, kappa)
    return np.asarray((first + second).sum(axis=1) / 2)


def depth_run(
    rng: np.random.Generator, frame: pd.DataFrame, sample: Sample, estimator: Estimator, truth: float, confidence: float
) -> Run:
    """Draw depths on pages and estimate what `estimator` does."""
    estimate = estimator(frame.assign(depth=sample(rng)), rng, confidence)
    return as_run(estimate.value, estimate.interval, truth)


def ratio(frame: pd.DataFrame, rng: np.random.Generator, confidence: float, cluster: str = "page") -> Estimate:
    """C2.2 as the study estimates it, without its p value; with other clusters for comparison."""
    seed = int(rng.integers(2**31))
    return stratified_ratios(frame, ["depth"], "side", mechanism.STRATA, cluster, confidence, seed, DRAWS)["depth"]


def slope(frame: pd.DataFrame, rng: np.random.Generator, confidence: float, cluster: str = "page") -> Estimate:
    """C5.1 as the study estimates it; with other clusters for comparison."""
    return within_slope(frame, "size_class", "depth", "form", cluster, confidence)


def mean(frame: pd.DataFrame, rng: np.random.Generator, confidence: float) -> Estimate:
    """The mean depth as the study estimates it."""
    value, low, high, n, clusters = mechanism.clustered_mean(frame["depth"], frame["page"], confidence)
    return Estimate(value, None if np.isnan(low) else (low, high), n, clusters)


USUAL: dict[str, tuple[Estimator, str]] = {
    "C2.2": (ratio, "expanded bootstrap of pages"),
    "C5.1": (slope, "CR2, Bell-McCaffrey"),
    "mean depth": (mean, "t, linearised by page"),
}
