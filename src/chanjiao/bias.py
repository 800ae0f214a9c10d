"""Quantitative bias analysis: what unseen text and silent colleges could do to an estimate.

Lash, Fox and Fink, Applying Quantitative Bias Analysis to Epidemiologic Data (2009), chapters 6 and 8.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from chanjiao import figures
from chanjiao.claims import CONTRADICTED, INSUFFICIENT, SUPPORTED, UNDECIDED, Rule, decide, limits
from chanjiao.figures import PALETTE
from chanjiao.statistics import Estimate, Interval, cluster_shares

SENSITIVITIES = tuple(round(1 - step / 100, 2) for step in range(51))  # 1.00 down to 0.50
SPECIFICITIES = (1.0, 0.99, 0.98, 0.97, 0.96, 0.95)


def rogan_gladen(shares: np.ndarray, sensitivities: np.ndarray, specificity: float) -> np.ndarray:
    """True shares behind observed ones (Rogan and Gladen, Am. J. Epidemiology 107 (1978), 71-76), cut to [0, 1].

    Numbers or arrays that go together by broadcasting. Raises ValueError where sensitivity + specificity does not
    exceed 1: such a mark carries no information.
    """
    informative = np.asarray(sensitivities) + specificity - 1
    if (informative <= 0).any():
        lowest = np.min(sensitivities)
        raise ValueError(f"sensitivity {lowest} and specificity {specificity} must add up to more than 1")
    return np.clip((shares + specificity - 1) / informative, 0, 1)


def corrected_shares(
    passes: Sequence[pd.DataFrame],
    at_least: int,
    clusters: pd.Series,
    confidence: float,
    sensitivities: Sequence[float] = SENSITIVITIES,
    specificity: float = 1.0,
) -> dict[float, Estimate]:
    """Share of units with at least `at_least` true marks, each mark corrected for misclassification, by sensitivity.

    `passes` holds one 0/1 frame a coding pass (units x marks, same index as `clusters`); the result is the mean over
    the passes. Every mark's true prevalence follows from Rogan and Gladen, the chance that a unit really has it from
    Bayes, the number of true marks from the Poisson-binomial distribution. Missing without units.
    """
    if clusters.empty:
        return dict.fromkeys(sensitivities, Estimate.missing("share", 0, "no units", clusters=0))
    counts = true_counts(passes, sensitivities, specificity)
    return shares_of_counts(counts, at_least, clusters, confidence, sensitivities)


def true_counts(
    passes: Sequence[pd.DataFrame], sensitivities: Sequence[float] = SENSITIVITIES, specificity: float = 1.0
) -> list[np.ndarray]:
    """The chance in each pass that a unit has so many true marks: sensitivities x units x (0 to all marks)."""
    return [
        poisson_binomial(_true_chances(marks.to_numpy(float), np.asarray(sensitivities), specificity))
        for marks in passes
    ]


def shares_of_counts(
    counts: Sequence[np.ndarray],
    at_least: int,
    clusters: pd.Series,
    confidence: float,
    sensitivities: Sequence[float] = SENSITIVITIES,
) -> dict[float, Estimate]:
    """`corrected_shares` from the `true_counts` of the same units and sensitivities."""
    chances = np.mean([_sum_from(chance, at_least) for chance in counts], axis=0)
    return dict(zip(sensitivities, cluster_shares(chances, clusters, confidence), strict=True))


def _true_chances(marks: np.ndarray, sensitivities: np.ndarray, specificity: float) -> np.ndarray:
    """The chance that a mark is really there: sensitivities x units x marks."""
    sensitivity = sensitivities[:, None]
    true = rogan_gladen(marks.mean(axis=0), sensitivity, specificity)
    seen, unseen = sensitivity * true, (1 - sensitivity) * true
    with np.errstate(invalid="ignore"):
        if_marked = np.nan_to_num(seen / (seen + (1 - specificity) * (1 - true)))
        if_not = np.nan_to_num(unseen / (unseen + specificity * (1 - true)))
    return np.where(marks == 1, if_marked[:, None], if_not[:, None])


def poisson_binomial(chances: np.ndarray) -> np.ndarray:
    """P(0, 1, … successes) along the last axis, independent trials of unequal chance."""
    counts = np.zeros((*chances.shape[:-1], chances.shape[-1] + 1))
    counts[..., 0] = 1
    for chance in np.moveaxis(chances, -1, 0)[..., None]:
        counts[..., 1:] = counts[..., 1:] * (1 - chance) + counts[..., :-1] * chance
        counts[..., :1] *= 1 - chance
    return counts


def _sum_from(counts: np.ndarray, k: int) -> np.ndarray:
    """P(at least k successes) from the result of `poisson_binomial`."""
    return np.clip(counts[..., k:].sum(axis=-1), 0, 1)


def bias_surface(passes: Sequence[pd.DataFrame], at_least: int, clusters: pd.Series, confidence: float) -> pd.DataFrame:
    """The corrected share over the whole range examined: sensitivity, specificity, value, low, high.

    Empty without units. The intervals take sensitivity and specificity as known.
    """
    rows = []
    for specificity in SPECIFICITIES if len(clusters) else ():
        shares = corrected_shares(passes, at_least, clusters, confidence, specificity=specificity)
        for sensitivity, share in shares.items():
            low, high = share.interval or (np.nan, np.nan)
            rows.append((sensitivity, specificity, share.value, low, high))
    return pd.DataFrame(rows, columns=["sensitivity", "specificity", "value", "low", "high"], dtype=float)


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
    return first_failing(corrected_shares(passes, at_least, clusters, confidence), holds)


def first_failing(shares: Mapping[float, Estimate], holds: Callable[[Estimate], bool]) -> float:
    """The first sensitivity of `corrected_shares` at which a verdict no longer holds, else the last one."""
    return next((sensitivity for sensitivity, share in shares.items() if not holds(share)), list(shares)[-1])


def manski_bounds(share: float, publishing: float) -> tuple[float, float]:
    """Bounds of the mean over all colleges if the silent ones could have any share at all.

    `share` is the mean of the publishing colleges, `publishing` their share of all (Manski, Am. Economic Review Papers
    and Proceedings 80 (1990), 319-323).
    """
    known = share * publishing
    return known, known + (1 - publishing)


# Drawings and tables for the reader


def draw_surface(surface: pd.DataFrame, threshold: float, ceiling: float, nothing: str) -> Figure:
    """Draw `bias_surface`: the corrected share as visibility falls, with and without false marks.

    `threshold` is the share, `ceiling` the sensitivity, that the rule names; `nothing` says what lacks if it is empty.
    """
    if surface.empty:
        return figures.no_data(nothing)
    figure, axes = figures.new(2.9)
    axis: Axes = axes[0, 0]
    for specificity, colour, meaning in ((1.0, "blue", "no false marks"), (0.95, "grey", "one mark in twenty false")):
        part = surface[surface["specificity"] == specificity]
        shade = PALETTE[colour]
        axis.fill_between(part["sensitivity"], part["low"], part["high"], color=shade, alpha=0.15, linewidth=0)
        axis.plot(part["sensitivity"], part["value"], color=shade, label=f"{meaning} (specificity {specificity:g})")
    for draw, place in ((axis.axhline, threshold), (axis.axvline, ceiling)):
        draw(place, color=PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(0.995, threshold + 0.015, "threshold of the rule", fontsize=8)
    axis.text(ceiling - 0.004, 0.94, "a verdict that falls at the left of this line does not stand", fontsize=8)
    axis.set(xlim=(1, 0.5), ylim=(0, 1), xlabel="share of the marks that the stored text shows (sensitivity)")
    axis.set_ylabel("corrected share")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.legend(loc="upper left")
    return figure


def defences(rules: Mapping[str, Rule], judged: Sequence[Mapping[str, Any]], joining: Rule) -> pd.DataFrame:
    """Return how far each verdict that hidden text could have made holds out.

    One row an indicator whose bias is misclassification: indicator, meaning, stands_to (the sensitivity at which the
    verdict falls, missing where none in the unsafe direction is to be defended; 0.5 is the end of the range), stands
    (whether that reaches the ceiling of the rules), verdict, words. `rules` are the indicators of claims.yaml by id,
    `judged` the indicators of `claims.judge_claim`.
    """
    rows = []
    for one in judged:
        rule = rules[one["id"]]
        if rule.get("bias") == "misclassification":
            by_interval = decide(rule, tuple(one["interval"]) if one["interval"] else None)
            defended = by_interval not in (UNDECIDED, rule["safe_direction"]) and one["verdict"] != INSUFFICIENT
            stands_to = one["tipping"] if defended else None
            stands = stands_to is not None and stands_to <= joining["sensitivity_ceiling"]
            words = _defence_in_words(by_interval, stands_to, one["verdict"])
            rows.append((one["id"], rule["meaning"], stands_to, stands, one["verdict"], words))
    columns = ["indicator", "meaning", "stands_to", "stands", "verdict", "words"]
    return pd.DataFrame(rows, columns=columns).astype({"stands_to": float, "stands": bool})


def _defence_in_words(by_interval: str, stands_to: float | None, verdict: str) -> str:
    if verdict == INSUFFICIENT:
        return "too few data for a verdict, so there is none to defend"
    if by_interval == UNDECIDED:
        return "undecided by its interval: no verdict in the unsafe direction to defend"
    if stands_to is None:
        return f"{by_interval}: hidden text cannot have made this, so there is nothing to defend"
    if stands_to <= SENSITIVITIES[-1]:
        return f"{by_interval} throughout"
    return f"{by_interval} as long as more than {stands_to:.0%} of the marks are visible"


def silences(
    rules: Mapping[str, Rule],
    judged: Sequence[Mapping[str, Any]],
    bounds: Mapping[str, Interval | None],
    joining: Rule,
) -> pd.DataFrame:
    """Return what silent colleges leave open.

    One row an indicator whose bias is silent colleges: indicator, meaning, value (mean of those that publish), low,
    high (Manski's bounds of the mean of all colleges, from `bounds`), limit (the rule's threshold), publishing, stands
    (whether enough publish), verdict, words.
    """
    rows = []
    for one in judged:
        rule = rules[one["id"]]
        if rule.get("bias") == "silent_colleges":
            low, high = bounds.get(one["id"]) or (np.nan, np.nan)
            stands = (one["publishing"] or 0) >= joining["publishing_floor"]
            words = _silence_in_words(one["publishing"], joining["publishing_floor"], low, high)
            numbers = (one["value"], low, high, min(limits(rule).values()), one["publishing"])
            rows.append((one["id"], rule["meaning"], *numbers, stands, one["verdict"], words))
    columns = ["indicator", "meaning", "value", "low", "high", "limit", "publishing", "stands", "verdict", "words"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "publishing": float, "stands": bool})


def _silence_in_words(publishing: float | None, floor: float, low: float, high: float) -> str:
    if publishing is None:
        return "the province has no college on the list"
    known = f"{publishing:.0%} of the colleges publish, {floor:.0%} are needed"
    return f"{known}; the mean of all lies somewhere from {low:.0%} to {high:.0%}"


def draw_defences(defended: pd.DataFrame, silent: pd.DataFrame, joining: Rule) -> Figure:
    """Draw `defences` above `silences`: how far each verdict in the unsafe direction holds out.

    Orange is where it stands, light grey where it has fallen; an indicator without such a verdict has no bar.
    """
    heights = [1.1 + 0.55 * len(defended), 1.1 + 0.55 * len(silent)]
    figure, axes = figures.new(sum(heights), rows=2, height_ratios=heights)
    _draw_marks(axes[0, 0], defended, joining["sensitivity_ceiling"])
    _draw_colleges(axes[1, 0], silent)
    for axis, rows in ((axes[0, 0], defended), (axes[1, 0], silent)):
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_ylim(-len(rows) + 0.5, 0.85)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for place, row in enumerate(rows.to_dict("records")):
            _label(axis, -place, row)
    return figure


def _label(axis: Axes, place: int, row: Mapping[Any, Any]) -> None:
    """The indicator above its bar, what the analysis says inside, the verdict at the right."""
    left, bare = axis.get_xlim()[0], "stands_to" in row and pd.isna(row["stands_to"])
    decided = row["verdict"] in (SUPPORTED, CONTRADICTED)
    blank = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # the line of the ceiling must not cross the words
    axis.text(left, place + 0.22, f"{row['indicator']} {row['meaning']}", fontsize=7.5, va="bottom", bbox=blank)
    axis.annotate(
        row["words"], (left, place), xytext=(0 if bare else 4, 0), textcoords="offset points", fontsize=7.5,
        va="center", zorder=4, color=PALETTE["grey" if bare else "ink"], bbox=blank if bare else None,
    )  # fmt: skip
    axis.annotate(
        row["verdict"], (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=8, color=PALETTE["ink" if decided else "grey"], annotation_clip=False,
    )  # fmt: skip


def _draw_marks(axis: Axes, defended: pd.DataFrame, ceiling: float) -> None:
    first, last = SENSITIVITIES[0], SENSITIVITIES[-1]
    for place, row in enumerate(defended.to_dict("records")):
        if pd.notna(row["stands_to"]):
            axis.barh(-place, last - first, left=first, height=0.3, color=PALETTE["light"])
            axis.barh(-place, row["stands_to"] - first, left=first, height=0.3, color=PALETTE["orange"], alpha=0.5)
    axis.axvline(ceiling, color=PALETTE["grey"], linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    note = f"a verdict has to stand to here, {ceiling:.0%}"
    axis.annotate(note, (ceiling, 0.85), xytext=(4, 0), textcoords="offset points", fontsize=7.5, va="top")
    axis.set(xlim=(first, last), xlabel="share of the true marks that the stored text shows")
    axis.set_title("How much text may be hidden before the verdict falls?")


def _draw_colleges(axis: Axes, silent: pd.DataFrame) -> None:
    for place, row in enumerate(silent.to_dict("records")):
        axis.barh(-place, row["high"] - row["low"], left=row["low"], height=0.3, color=PALETTE["light"])
        axis.plot([row["value"]], [-place], "o", color=PALETTE["blue"])
        for side in (-1, 1):  # ticks above and below the bar, so that no line crosses the words in it
            ends = [-place + side * 0.15, -place + side * 0.22]
            axis.plot([row["limit"]] * 2, ends, color=PALETTE["ink"], linewidth=1.4)
    axis.set(xlim=(0, 1), xlabel="mean share of dual-qualified teachers over all colleges of the list")
    axis.set_title("What may the silent colleges hide?")
