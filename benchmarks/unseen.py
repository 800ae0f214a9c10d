"""Scenarios of verdicts where the evidence misleads: marks that the text hides, low shares kept silent."""

from functools import partial

import colleges
import draws
import numpy as np
from judging import Judge, Judged, judge
from pages import text
from scenarios import Scenario
from structure import Structure
from verdicts import documents, event_share, named

from chanjiao.simulated import FULL, NO_BIAS

HIDDEN = {"C1.1": 0.6, "C2.1": 0.6, "C3.1": 0.3, "C5.2": 0.3}  # true shares beyond the threshold of support
VISIBLE = (0.8, 0.6)
PUBLISHING = (10, 30)  # colleges: the least that the rule needs, and more than half of the list
SILENT_MEAN, SILENT_NOISE = 0.45, 0.15


def scenarios(structure: Structure) -> list[Scenario]:
    """Hidden marks and silent colleges, each judged with and without the bias analysis of the rule."""
    hidden = [
        hidden_scenario(structure, name, visible, analysis)
        for name in HIDDEN
        for visible in VISIBLE
        for analysis in (FULL, NO_BIAS)
    ]
    return hidden + [silent_scenario(structure, n, analysis) for n in PUBLISHING for analysis in (FULL, NO_BIAS)]


def hidden_scenario(structure: Structure, indicator: str, visible: float, analysis: str) -> Scenario:
    """A true share beyond the threshold of support, of whose marks the text shows only a part."""
    truth, judging = HIDDEN[indicator], judge(structure, indicator, analysis)
    if indicator == "C1.1":
        draw = documents(structure, truth, judging, visible)
    else:
        draw = event_share(structure, indicator, truth, judging, visible)
    return named(structure, indicator, analysis, truth, draw, f"{visible:.0%} of marks visible")


def silent_scenario(structure: Structure, n: int, analysis: str) -> Scenario:
    """C4.1 with a mean of all colleges below one half, of which rather those with high shares publish."""
    judging = judge(structure, "C4.1", analysis)
    draw = partial(
        silent_verdict, n=n, spread=structure.spread, listed=max(structure.listed, n), judging=judging,
        confidence=structure.confidence,
    )  # fmt: skip
    place = f"{n} of {structure.listed} colleges publish, rather those with high shares"
    return Scenario("C4.1", analysis, text(SILENT_MEAN), 0.0, n, n, draw, place)


def silent_verdict(
    rng: np.random.Generator, n: int, spread: float, listed: int, judging: Judge, confidence: float
) -> Judged:
    """Draw the shares of all colleges, let those high in share and luck publish, and judge C4.1."""
    every = draws.shares(SILENT_MEAN, spread, listed, rng)
    eager = np.argsort(-(every + rng.normal(0, SILENT_NOISE, listed)))[:n]
    return judging(colleges.pooled(every[eager], np.zeros(n, bool), listed, confidence))
