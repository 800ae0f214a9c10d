"""Scenarios of indicators on policy documents and their dates: C1.1, C1.2, C1.3 and the transposition times."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import draws
import numpy as np
import pandas as pd
from pages import ANY, AVERAGE, DISCRETE, DRAWS, RANGE, text
from scenarios import Run, Scenario, as_run
from structure import Structure

from chanjiao import transmission
from chanjiao.claims import Rule
from chanjiao.simulated import COMPARISON, PRINTED
from chanjiao.statistics import Estimate, stratified_ratios

SHARES = (0.25, 0.5, 0.83, 0.95)
RATIOS = (0.5, 1.0, 2.0)
SHIFTS = (-1.5, -0.7, 0.0, 0.7, 1.5)  # of the logarithm of the province's time, in standard deviations
PACE = 0.5  # correlation of the logarithms of a province's times over the national documents
PAIRS = 100_000  # pairs of provinces drawn for the expected score
COARSE = "few provinces, many of whose days are known to the year only"
LEAST = 10  # documents that C1.3 needs where the province has fewer
EXCHANGED = "no difference, so that what is not covered is the error of the first kind"
PROMPT = "the score of a prompt province varies less than that of one like all others"
SLOW = "a slow province's score has a longer tail towards promptness than the test assumes: the upper end lies too low"
AT_RANDOM = "provinces keep their pace and the province is one of them, so that 0 is the truth of all, not its own"


def scenarios(structure: Structure) -> list[Scenario]:
    """Every scenario of coverage of this kind."""
    return [
        *(document_scenario(structure, label) for label in (*map(text, SHARES), ANY)),
        *(rank_scenario(structure, shift, pace) for pace in (0.0, PACE) for shift in SHIFTS),
        drawn_province(structure),
        *(target_scenario(structure, ratio) for ratio in RATIOS),
        *(time_scenario(structure, parent, what) for what in TIMES for parent in largest_and_smallest(structure)),
    ]


# C1.1: share of documents


def document_scenario(structure: Structure, label: str) -> Scenario:
    """One scenario of the share of documents that state a dated target; `label` is the truth, or ANY."""
    n = len(structure.documents["policies"])
    draw = partial(
        document_run, documents=structure.documents, truths=RANGE.tolist() if label == ANY else [float(label)],
        province=structure.province, confidence=structure.confidence, rule=structure.rule("C1.1"),
    )  # fmt: skip
    note = AVERAGE if label == ANY else DISCRETE
    return Scenario("C1.1", "Wilson", label, 0.0, n, n, draw, note=note)


def document_run(
    rng: np.random.Generator, documents: Mapping[str, pd.DataFrame], truths: Sequence[float], province: str,
    confidence: float, rule: Rule,
) -> Run:  # fmt: skip
    """Draw which documents state a dated target and estimate C1.1."""
    truth = truths[int(rng.integers(len(truths)))]
    stating = rng.random(len(documents["policies"])) < truth
    estimate = transmission.dated_target_share(with_targets(documents, stating), province, confidence, rule)
    return as_run(estimate.value, estimate.interval, truth)


def with_targets(documents: Mapping[str, pd.DataFrame], stating: np.ndarray) -> dict[str, pd.DataFrame]:
    """The tables of C1.1 with one dated target in each document that is `stating`."""
    ids = documents["policies"].loc[stating, "policy_id"]
    return {**documents, "policy_targets": pd.DataFrame({"policy_id": ids, "value": 1.0, "target_year": 2025})}


# C1.2: rank score of times


def rank_scenario(structure: Structure, shift: float, pace: float) -> Scenario:
    """One scenario of the rank score: the province's times shifted, other provinces with a pace of their own.

    The truth is the score that a province so shifted has on average among the others.
    """
    truth = expected_score(structure, shift, pace)
    draw = partial(
        rank_run, answers=structure.answers, sample=partial(answer_days, shift=shift, pace=pace), truth=truth,
        province=structure.province, confidence=structure.confidence, rule=structure.rule("C1.2"),
    )  # fmt: skip
    note = EXCHANGED if shift == 0 else PROMPT if shift < 0 else SLOW
    return _rank_scenario(structure, text(round(truth, 2) + 0.0), pace, draw, note)


def drawn_province(structure: Structure) -> Scenario:
    """The same with the province drawn like all others, each with its own pace."""
    draw = partial(
        rank_run, answers=structure.answers, sample=partial(answer_days, shift=None, pace=PACE), truth=0.0,
        province=structure.province, confidence=structure.confidence, rule=structure.rule("C1.2"),
    )  # fmt: skip
    return _rank_scenario(structure, "0 on average", PACE, draw, AT_RANDOM, COMPARISON)


def _rank_scenario(
    structure: Structure, label: str, pace: float, draw: Callable[[np.random.Generator], Run], note: str,
    role: str = PRINTED,
) -> Scenario:  # fmt: skip
    others = structure.answers["province_code"].nunique() - 1
    parents = structure.answers["parent_id"].nunique()
    return Scenario("C1.2", "inverted exact permutation", label, pace, others, parents, draw, role, note)


def rank_run(
    rng: np.random.Generator, answers: pd.DataFrame, sample: Callable[..., pd.DataFrame], truth: float, province: str,
    confidence: float, rule: Rule,
) -> Run:  # fmt: skip
    """Draw interval-censored times and estimate C1.2."""
    estimate = transmission.rank_score(sample(rng, answers, province), province, confidence, rule)
    return as_run(estimate.value, estimate.interval, truth)


def answer_days(
    rng: np.random.Generator, answers: pd.DataFrame, province: str, shift: float | None, pace: float
) -> pd.DataFrame:
    """`answers` with drawn times: log-normal in each parent, known to intervals of the real widths in random order.

    `shift` moves the province's times; None draws its pace like that of the others. The correlation of a province's
    times over the parents is `pace`.
    """
    drawn, names = answers.copy(), answers["province_code"].unique()
    keeps = pd.Series(rng.normal(size=len(names)), index=names)
    if shift is not None:
        keeps[province] = shift / np.sqrt(pace) if pace else 0.0
    for _, group in answers.groupby("parent_id", sort=True):
        centre, spread = log_days(group)
        own = group["province_code"].eq(province).to_numpy() * (0.0 if pace or shift is None else shift)
        place = np.sqrt(pace) * keeps[group["province_code"]].to_numpy() + own
        days = np.exp(centre + spread * (place + np.sqrt(1 - pace) * rng.normal(size=len(group))))
        drawn.loc[group.index, "lower"], drawn.loc[group.index, "upper"] = draws.censored(days, widths(group), rng)
    return drawn


def log_days(group: pd.DataFrame) -> tuple[float, float]:
    """Mean and standard deviation of the logarithms of the middles of the real intervals."""
    middles = np.log(((group["lower"] + group["upper"]) / 2).clip(lower=1))
    return float(middles.mean()), float(middles.std(ddof=1))


def widths(group: pd.DataFrame) -> np.ndarray:
    """Widths of the real intervals, in days."""
    return (group["upper"] - group["lower"]).to_numpy(float)


def expected_score(structure: Structure, shift: float, pace: float) -> float:
    """The mean Gehan score of a province so shifted, from many pairs of it and another; 0 without a shift and pace."""
    if shift == 0 and pace == 0:
        return 0.0
    rng = np.random.default_rng([structure.seed, 12])
    groups = [group for _, group in structure.answers.groupby("parent_id", sort=True)]
    return float(np.mean([_pair_score(group, shift, pace, rng) for group in groups]))


def _pair_score(group: pd.DataFrame, shift: float, pace: float, rng: np.random.Generator) -> float:
    centre, spread = log_days(group)
    other = np.exp(centre + spread * rng.normal(size=PAIRS))
    own = np.exp(centre + spread * (shift + np.sqrt(1 - pace) * rng.normal(size=PAIRS)))
    width = rng.permuted(np.tile(widths(group), (PAIRS, 1)), axis=1)[:, :2]
    before = rng.random((PAIRS, 2)) * width
    days = np.column_stack([own, other])
    lower, upper = np.maximum(days - before, 0).round(), (days - before + width).round()
    return float((lower[:, 0] > upper[:, 1]).mean() - (lower[:, 1] > upper[:, 0]).mean())


# C1.3: ratio of targets


def target_scenario(structure: Structure, ratio: float) -> Scenario:
    """One scenario of the rate ratio of targets, with at least the documents that the rule needs."""
    frame = enough_documents(structure.targets)
    expected, dispersion = target_means(frame)
    draw = partial(
        target_run, frame=frame, means=expected * np.where(frame["side"] == 1, ratio, 1.0), dispersion=dispersion,
        truth=ratio, confidence=structure.confidence,
    )  # fmt: skip
    n = int(frame["side"].sum())
    return Scenario("C1.3", "expanded bootstrap of documents", text(ratio), 0.0, n, n, draw)


def enough_documents(frame: pd.DataFrame) -> pd.DataFrame:
    """The real documents, those of the province repeated until there are as many as the rule needs."""
    own, others = frame[frame["side"] == 1], frame[frame["side"] == 0]
    repeated = own.iloc[np.arange(max(LEAST, len(own))) % len(own)]
    joined = pd.concat([repeated, others], ignore_index=True)
    return joined.assign(policy_id=joined.index.astype(str))


def target_means(frame: pd.DataFrame) -> tuple[np.ndarray, float]:
    """The mean number of targets elsewhere in each stratum, at least 0.3, and the dispersion around it by moments."""
    others = frame[frame["side"] == 0]
    strata = ["theme", "excerpt_reaches"]
    usual = others.groupby(strata)["n_quant_targets"].mean().clip(lower=0.3)
    means = usual.loc[list(map(tuple, frame[strata].to_numpy()))].to_numpy(float)
    counts, expected = others["n_quant_targets"].to_numpy(float), means[frame["side"].to_numpy() == 0]
    return means, max(0.0, float(((counts - expected) ** 2 - expected).sum() / (expected**2).sum()))


def target_run(
    rng: np.random.Generator, frame: pd.DataFrame, means: np.ndarray, dispersion: float, truth: float, confidence: float
) -> Run:
    """Draw numbers of targets and estimate C1.3."""
    ratio = target_ratio(rng, frame, means, dispersion, confidence)
    return as_run(ratio.value, ratio.interval, truth)


def target_ratio(
    rng: np.random.Generator, frame: pd.DataFrame, means: np.ndarray, dispersion: float, confidence: float
) -> Estimate:
    """C1.3 of drawn numbers of targets, without its p value."""
    drawn = frame.assign(targets=draws.overdispersed(means, dispersion, rng))
    seed = int(rng.integers(2**31))
    strata = ["theme", "excerpt_reaches"]
    return stratified_ratios(drawn, ["targets"], "side", strata, "policy_id", confidence, seed, DRAWS)["targets"]


# Transposition times of all provinces


def largest_and_smallest(structure: Structure) -> list[str]:
    """The national documents with the most and the fewest dated answers."""
    counts = structure.every_answer["parent_id"].value_counts().sort_index()
    return [str(counts.idxmax()), str(counts.idxmin())]


def time_scenario(structure: Structure, parent: str, what: str) -> Scenario:
    """One scenario of Turnbull's estimate: the median, or the share of provinces that had answered by it."""
    group = structure.every_answer[structure.every_answer["parent_id"].eq(parent)].reset_index(drop=True)
    draw = partial(TIMES[what][0], group=group, confidence=structure.confidence)
    return Scenario(
        what, "expanded bootstrap of provinces", TIMES[what][1], 0.0, len(group), len(group), draw,
        note=COARSE,
    )  # fmt: skip


def _drawn_times(rng: np.random.Generator, group: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    centre, spread = log_days(group)
    lower, upper = draws.censored(np.exp(centre + spread * rng.normal(size=len(group))), widths(group), rng)
    return group.assign(lower=lower, upper=upper), float(np.exp(centre))


def median_run(rng: np.random.Generator, group: pd.DataFrame, confidence: float) -> Run:
    """Draw times and estimate their median, the day by which half had answered at the latest."""
    times, truth = _drawn_times(rng, group)
    row = transmission.transposition_medians(times, confidence, int(rng.integers(2**31)), DRAWS).iloc[0]
    return Run(float(row["median"]), float(row["low"]), float(row["high"]), truth)


def curve_run(rng: np.random.Generator, group: pd.DataFrame, confidence: float) -> Run:
    """Draw times and estimate the share of provinces that had answered by the true median."""
    times, day = _drawn_times(rng, group)
    curve = transmission.transposition_curves(times, confidence, int(rng.integers(2**31)), DRAWS)
    reached = curve[curve["last"] <= day].tail(1)
    if reached.empty:
        return Run(np.nan, np.nan, np.nan, 0.5)  # no province had certainly answered by then
    value, low, high = (float(reached[name].item()) for name in ("cumulative", "low", "high"))
    return Run(value, low, high, 0.5)


TIMES: dict[str, tuple[Callable[..., Run], str]] = {
    "transposition median": (median_run, "true median"),
    "transposition curve": (curve_run, "0.5"),
}
