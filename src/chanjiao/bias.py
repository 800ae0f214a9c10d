"""Quantitative bias analysis: what unseen text and silent colleges could do to an estimate.

Lash, Fox and Fink, Applying Quantitative Bias Analysis to Epidemiologic Data (2009), chapters 6 and 8.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from chanjiao.statistics import Estimate, cluster_share

SENSITIVITIES = tuple(round(1 - step / 100, 2) for step in range(51))  # 1.00 down to 0.50
SPECIFICITIES = (1.0, 0.99, 0.98, 0.97, 0.96, 0.95)


def rogan_gladen(share: float, sensitivity: float, specificity: float) -> float:
    """True share behind an observed one (Rogan and Gladen, Am. J. Epidemiology 107 (1978), 71-76), cut to [0, 1].

    Raises ValueError where sensitivity + specificity does not exceed 1: such a mark carries no information.
    """
    informative = sensitivity + specificity - 1
    if informative <= 0:
        raise ValueError(f"sensitivity {sensitivity} and specificity {specificity} must add up to more than 1")
    return float(np.clip((share + specificity - 1) / informative, 0, 1))


def corrected_share(
    passes: Sequence[pd.DataFrame],
    at_least: int,
    clusters: pd.Series,
    sensitivity: float,
    specificity: float,
    confidence: float,
) -> Estimate:
    """Share of units with at least `at_least` true marks, each mark corrected for misclassification.

    `passes` holds one 0/1 frame a coding pass (units x marks, same index as `clusters`); the result is the mean over
    the passes. Every mark's true prevalence follows from Rogan and Gladen, the chance that a unit really has it from
    Bayes, the number of true marks from the Poisson-binomial distribution.
    """
    chances = [_at_least(_true_chances(marks.to_numpy(float), sensitivity, specificity), at_least) for marks in passes]
    return cluster_share(pd.Series(np.mean(chances, axis=0), index=clusters.index), clusters, confidence)


def _true_chances(marks: np.ndarray, sensitivity: float, specificity: float) -> np.ndarray:
    true = np.array([rogan_gladen(share, sensitivity, specificity) for share in marks.mean(axis=0)])
    seen, unseen = sensitivity * true, (1 - sensitivity) * true
    with np.errstate(invalid="ignore"):
        if_marked = np.nan_to_num(seen / (seen + (1 - specificity) * (1 - true)))
        if_not = np.nan_to_num(unseen / (unseen + specificity * (1 - true)))
    return np.where(marks == 1, if_marked, if_not)


def _at_least(chances: np.ndarray, k: int) -> np.ndarray:
    """P(at least k successes) a row, independent trials of unequal chance."""
    counts = np.zeros((len(chances), chances.shape[1] + 1))
    counts[:, 0] = 1
    for chance in chances.T:
        counts[:, 1:] = counts[:, 1:] * (1 - chance[:, None]) + counts[:, :-1] * chance[:, None]
        counts[:, 0] *= 1 - chance
    return np.clip(counts[:, k:].sum(axis=1), 0, 1)


def bias_surface(passes: Sequence[pd.DataFrame], at_least: int, clusters: pd.Series, confidence: float) -> pd.DataFrame:
    """The corrected share over the whole range examined: sensitivity, specificity, value, low, high."""
    rows = []
    for specificity in SPECIFICITIES:
        for sensitivity in SENSITIVITIES:
            share = corrected_share(passes, at_least, clusters, sensitivity, specificity, confidence)
            low, high = share.interval or (np.nan, np.nan)
            rows.append((sensitivity, specificity, share.value, low, high))
    return pd.DataFrame(rows, columns=["sensitivity", "specificity", "value", "low", "high"])


def tipping_sensitivity(
    passes: Sequence[pd.DataFrame],
    at_least: int,
    clusters: pd.Series,
    confidence: float,
    holds: Callable[[Estimate], bool],
) -> float:
    """The highest sensitivity at which a verdict no longer holds; 0.5, the end of the range, if it holds throughout.

    `holds` says whether the verdict stands for a corrected estimate. Specificity stays 1: unseen text hides marks and
    makes none, and a lower specificity would only lower the share.
    """
    for sensitivity in SENSITIVITIES:
        if not holds(corrected_share(passes, at_least, clusters, sensitivity, 1.0, confidence)):
            return sensitivity
    return SENSITIVITIES[-1]


def manski_bounds(share: float, publishing: float) -> tuple[float, float]:
    """Bounds of the mean over all colleges if the silent ones could have any share at all.

    `share` is the mean of the publishing colleges, `publishing` their share of all (Manski, Am. Economic Review Papers
    and Proceedings 80 (1990), 319-323).
    """
    known = share * publishing
    return known, known + (1 - publishing)
