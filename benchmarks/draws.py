"""Random draws with a known truth: marks in two passes on pages, times of provinces, shares of colleges."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, expit, logit

from chanjiao.bias import poisson_binomial

QUANTILES = (np.arange(100) + 0.5) / 100  # places of a page at which a chance is averaged over pages


def on_pages(chances: np.ndarray, pages: np.ndarray, intraclass: float, rng: np.random.Generator) -> np.ndarray:
    """Chances of the units' marks (units x marks) after a beta-distributed effect of their page, mean unchanged.

    `pages` numbers the page of each unit; all marks of a page lie at the same quantile of their beta distributions.
    `intraclass` is the correlation of the number of marks of two units of a page.
    """
    if intraclass == 0:
        return chances
    return _at_quantiles(chances, rng.random(int(pages.max()) + 1)[pages][:, None], intraclass)


def _at_quantiles(chances: np.ndarray, quantiles: np.ndarray, intraclass: float) -> np.ndarray:
    # Marks that rise and fall together add up: each needs a smaller correlation than their number is to have.
    spread = np.sqrt(chances * (1 - chances))
    alone, together = (spread**2).sum(axis=1, keepdims=True), spread.sum(axis=1, keepdims=True) ** 2
    weight = (1 - intraclass) / intraclass * together / alone  # 1 / correlation in each mark - 1
    return np.asarray(betaincinv(chances * weight, (1 - chances) * weight, quantiles))


def two_passes(
    chances: np.ndarray, kappa: np.ndarray, rng: np.random.Generator, visible: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the marks of two passes (0 or 1, units x marks) that agree with Cohen's `kappa` at the same chances.

    The second pass repeats the first with the chance kappa and draws afresh otherwise. `visible` is the sensitivity:
    a true mark that the text hides is missed by both.
    """
    first = rng.random(chances.shape) < chances
    afresh = rng.random(chances.shape) < chances
    second = np.where(rng.random(chances.shape) < kappa, first, afresh)
    shown = rng.random(chances.shape) < visible
    return (first & shown).astype(float), (second & shown).astype(float)


def tilted_to_depth(prevalence: np.ndarray, depth: float) -> np.ndarray:
    """Chances of the marks, all odds of `prevalence` multiplied by one factor, that add up to `depth` marks."""
    return _tilted(prevalence, lambda chances: float(chances.sum()) - depth)


def tilted_to_share(prevalence: np.ndarray, share: float, at_least: int, intraclass: float) -> np.ndarray:
    """Chances of the marks, tilted likewise, with which a unit has `at_least` marks with the chance `share`."""
    return _tilted(prevalence, lambda chances: chance_of(at_least, chances, intraclass) - share)


def _tilted(prevalence: np.ndarray, distance: Callable[[np.ndarray], float]) -> np.ndarray:
    factor = brentq(lambda shift: distance(expit(logit(prevalence) + shift)), -15, 15, xtol=1e-12)
    return np.asarray(expit(logit(prevalence) + factor))


def chance_of(at_least: int, chances: np.ndarray, intraclass: float) -> float:
    """The chance of `at_least` marks of unequal `chances`, averaged over pages."""
    placed = chances[None] if intraclass == 0 else _at_quantiles(chances[None], QUANTILES[:, None], intraclass)
    return float(poisson_binomial(placed)[:, at_least:].sum(axis=1).mean())


def overdispersed(means: np.ndarray, dispersion: float, rng: np.random.Generator) -> np.ndarray:
    """Negative binomial counts of these means, variance mean + dispersion * mean squared (0 is Poisson)."""
    if dispersion == 0:
        return rng.poisson(means).astype(float)
    return rng.poisson(means * rng.gamma(1 / dispersion, dispersion, len(means))).astype(float)


def shares(mean: float, spread: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Beta-distributed shares with this mean and standard deviation, the latter cut to half of the possible."""
    largest = mean * (1 - mean)
    weight = largest / min(spread**2, largest / 2) - 1
    return rng.beta(mean * weight, (1 - mean) * weight, n)


def censored(days: np.ndarray, widths: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First and last possible days (cut at day 0) of `days`, known to intervals of these widths in random order."""
    width = rng.permutation(widths)
    before = rng.random(len(days)) * width
    return np.maximum(days - before, 0.0).round(), (days - before + width).round()
