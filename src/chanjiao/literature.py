"""What the scholarly literature reports: problems, remedies, how they go together and how they change.

A work is read through its abstract, coded in two passes. The collection is what a set of queries found, not a sample.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio

from chanjiao import figures, power
from chanjiao.events import Passes, mark
from chanjiao.figures import PALETTE
from chanjiao.passes import completed
from chanjiao.statistics import (
    Estimate,
    benjamini_hochberg,
    cluster_share,
    percentile_interval,
    resample_weights,
)

STUDY_DOI = "10.6007/ijarped/v15-i1/27581"  # the study whose claims are tested; it cannot testify for itself

PROBLEMS: Mapping[str, str] = {
    "p_rules": "rules missing or vague",
    "p_incentive": "firms lack incentive",
    "p_shallow": "cooperation shallow",
    "p_curriculum": "curriculum out of step",
    "p_faculty": "teachers lack practice",
    "p_governance": "duties unclear",
    "p_funding": "resources lacking",
    "p_quality": "quality control weak",
}
REMEDIES: Mapping[str, str] = {
    "r_policy": "policy and law",
    "r_mechanism": "mechanism of cooperation",
    "r_curriculum": "curriculum reform",
    "r_faculty": "teacher development",
    "r_quality": "evaluation and standards",
    "r_digital": "digital tools",
    "r_platform": "platforms and bases",
    "r_finance": "finance",
}
CODES: Mapping[str, str] = {**PROBLEMS, **REMEDIES}

# The problem that each claim of the study speaks of.
CLAIM_PROBLEMS: Mapping[str, Sequence[str]] = {
    "C1": ("p_rules",),
    "C2": ("p_shallow",),
    "C3": ("p_curriculum",),
    "C4": ("p_faculty",),
    "C5": ("p_governance",),
}

# The problem that each remedy of the study is made for.
ANSWERS: Mapping[str, tuple[str, str]] = {
    "R1": ("p_rules", "r_policy"),
    "R2": ("p_shallow", "r_mechanism"),
    "R3": ("p_curriculum", "r_curriculum"),
    "R4": ("p_faculty", "r_faculty"),
    "R5": ("p_quality", "r_quality"),
}

DRAWS = 2000
SATURATION_DRAWS = 500
LOUVAIN_RUNS = 10
ALIKE = 0.5  # two works are linked if they share at least half of the codes that either has
GAP = 0.055  # least distance of two points of the drawn graph, whose half width is 1
HALO = [withStroke(linewidth=2.5, foreground="white")]
ARROW = {"arrowstyle": "->", "color": PALETTE["grey"]}
TREND_WORKS = 10  # fewer dated works give no trend


def coded_works(literature: pd.DataFrame, literature_a: pd.DataFrame, literature_b: pd.DataFrame) -> pd.DataFrame:
    """Return the works whose excerpt is complete, with the marks of both passes, sorted by work_id.

    Columns: those of `literature`; CODE_a and CODE_b (0 or 1) for every code; study (whether it is the study under
    test); method (pass A). The marks of a cut excerpt are missing, not 0, so its work is left out.
    A work coded in one pass only has that pass's codes in both (`passes.completed`, which says what it refuses).
    """
    frame = literature[literature["excerpt_complete"] == "yes"].sort_values("work_id", ignore_index=True)
    first, second = completed(frame["work_id"], literature_a, literature_b)
    for part in (first[list(CODES)].add_suffix("_a"), second[list(CODES)].add_suffix("_b"), first[["method"]]):
        frame = frame.join(part, on="work_id", validate="one_to_one")
    return frame.assign(study=frame["doi"].str.lower() == STUDY_DOI)


def excluded(search_log: pd.DataFrame) -> pd.DataFrame:
    """Return how many results of the queries were excluded for what reason: reason, results; most frequent first.

    `search_log.reason_excluded` reads `reason:count; reason:count`.
    """
    entries = search_log["reason_excluded"].dropna().str.split(";").explode().str.strip()
    parts = entries.str.rsplit(":", n=1, expand=True).set_axis(["reason", "results"], axis="columns")
    totals = parts["results"].astype(int).groupby(parts["reason"]).sum()
    ordered = sorted(totals.items(), key=lambda entry: (-entry[1], str(entry[0])))
    return pd.DataFrame(ordered, columns=["reason", "results"])


def flow(search_log: pd.DataFrame, literature: pd.DataFrame, works: pd.DataFrame) -> pd.DataFrame:
    """Return the way from the queries to the works analysed, after the PRISMA 2020 statement.

    One row a step: step, n (what remains), left_out (what the step leaves out), why. Page and others, BMJ 372 (2021),
    n71. `works` comes from `coded_works`.
    """
    found, new = int(search_log["results_returned"].sum()), int(search_log["works_new"].sum())
    reasons = "; ".join(f"{row.reason} {row.results}" for row in excluded(search_log).itertuples())
    others = works[~works["study"]]
    dated, central = int(others["year"].notna().sum()), int((others["peripheral"] == "no").sum())
    steps = [
        ("results of the queries", found, 0, ""),
        ("works taken in", new, found - new, reasons),
        ("works in the table", len(literature), new - len(literature), "taken in but not in the table"),
        ("works with a complete excerpt", len(works), len(literature) - len(works), "excerpt cut, marks missing"),
        ("works analysed", len(others), len(works) - len(others), "the study under test"),
        ("of these with a year", dated, len(others) - dated, "year not visible; left out of trends only"),
        ("of these not peripheral", central, len(others) - central, "peripheral; left out of one variant only"),
    ]
    return pd.DataFrame(steps, columns=["step", "n", "left_out", "why"])


def composition(works: pd.DataFrame) -> pd.DataFrame:
    """Return how many works have which property: property, value, works; most frequent value first."""
    parts = []
    for name in ("language", "work_type", "level", "method"):
        counts = works[name].value_counts().rename_axis("value").reset_index(name="works")
        parts.append(counts.sort_values(["works", "value"], ascending=[False, True]).assign(property=name))
    return pd.concat(parts, ignore_index=True)[["property", "value", "works"]]


def marks(works: pd.DataFrame, codes: Sequence[str], passes: Passes = "mean") -> pd.DataFrame:
    """Return the marks of `codes` by work_id: 0 or 1, for the mean of both passes also 0.5."""
    return pd.DataFrame({code: mark(works, code, passes) for code in codes}).set_index(works["work_id"])


def any_of(works: pd.DataFrame, codes: Sequence[str], passes: Passes = "mean") -> pd.Series:
    """Return whether each work has at least one of `codes`, by work_id; `mean` is the share of passes that say so."""
    if passes == "mean":
        return (any_of(works, codes, "a") + any_of(works, codes, "b")) / 2
    return marks(works, codes, passes).max(axis="columns")


def prevalence(works: pd.DataFrame, codes: Sequence[str], confidence: float, passes: Passes = "mean") -> Estimate:
    """Return the share of works with at least one of `codes`, Wilson interval; every work is its own cluster."""
    marked = any_of(works, codes, passes)
    share = cluster_share(marked, marked.index.to_series(), confidence)
    return share.with_(rows={"literature": list(marked.index[marked > 0])})


def variants(works: pd.DataFrame, codes: Sequence[str], confidence: float) -> dict[str, Estimate]:
    """Return the prevalence of `codes` under the other readings of the passes and without peripheral works."""
    readings: dict[str, Passes] = {"pass_a": "a", "pass_b": "b", "both": "both", "either": "either"}
    found = {name: prevalence(works, codes, confidence, passes) for name, passes in readings.items()}
    return {**found, "no_peripheral": prevalence(works[works["peripheral"] == "no"], codes, confidence)}


def prevalence_table(works: pd.DataFrame, groups: Mapping[str, Sequence[str]], confidence: float) -> pd.DataFrame:
    """Return one row a group of codes: name, value, low, high, n, both, either (shares of works)."""
    rows = []
    for name, codes in groups.items():
        share = prevalence(works, codes, confidence)
        both, either = (prevalence(works, codes, confidence, passes).value for passes in ("both", "either"))
        rows.append((name, share.value, *(share.interval or (np.nan, np.nan)), share.n, both, either))
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "n", "both", "either"])


def variant_table(readings: Mapping[str, Mapping[str, Estimate]]) -> pd.DataFrame:
    """Return the values of `variants` for several groups of codes, in percent: name and one column a variant."""
    rows = {name: {key: estimate.value for key, estimate in found.items()} for name, found in readings.items()}
    return (100 * pd.DataFrame(rows).T.astype(float)).round(1).rename_axis("name").reset_index()


def associations(works: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return how every problem goes with every remedy, one row a pair.

    Columns: problem, remedy; together (works with both, mean of the passes); for each pass odds_ratio_*, low_*, high_*
    (conditional maximum likelihood with exact interval), p_* (Fisher's exact test, two-sided), q_* (Benjamini and
    Hochberg over all pairs of a pass), found_below_*, found_above_* (the odds ratios nearest to 1 that the test would
    find with 80 % power, see `power.odds_ratios`, at the level that a pair must pass if it alone held); holds (q below
    1 - confidence, same direction, in both passes); n (works). An odds ratio is missing where a code occurs in no work
    or in all. Agresti, Categorical Data Analysis (3rd ed., 2013), section 16.5.
    """
    first, second = (_pass_associations(marks(works, list(CODES), one_pass), confidence) for one_pass in ("a", "b"))
    frame = first.merge(second, on=["problem", "remedy"], suffixes=("_a", "_b"), validate="one_to_one")
    frame.insert(2, "together", (frame.pop("together_a") + frame.pop("together_b")) / 2)
    small = frame[["q_a", "q_b"]].max(axis="columns") < 1 - confidence
    same_way = (frame["odds_ratio_a"] > 1) == (frame["odds_ratio_b"] > 1)
    return frame.assign(holds=small & same_way, n=len(works))


def answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `associations` in which a remedy of the study meets its own problem, its id as `remedy_id`."""
    own = pd.DataFrame([(name, *pair) for name, pair in ANSWERS.items()], columns=["remedy_id", "problem", "remedy"])
    return own.merge(frame, on=["problem", "remedy"], validate="one_to_one")


def readable_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `answers` as a reader sees them: names for codes, three digits, one column of text a pass."""
    shown = pd.DataFrame({"": frame["remedy_id"]})
    shown["problem"], shown["remedy"] = frame["problem"].map(PROBLEMS), frame["remedy"].map(REMEDIES)
    shown["works with both"] = frame["together"]
    for one_pass, name in (("a", "first pass"), ("b", "second pass")):
        values = zip(*(frame[f"{part}_{one_pass}"] for part in ("odds_ratio", "low", "high", "q")), strict=True)
        shown[name] = [
            f"{value:.3g} ({low:.3g} to {high:.3g}), q {q:.2g}" if pd.notna(value) else "a code in no work or in all"
            for value, low, high, q in values
        ]
        shown[f"found from, {name}"] = frame[f"found_above_{one_pass}"].map("{:.1f}".format, na_action="ignore")
    return shown.assign(works=frame["n"], holds=frame["holds"].map({True: "yes", False: "no"}))


def answer_estimates(frame: pd.DataFrame, n: int) -> dict[str, Estimate]:
    """Return the odds ratios of `answers` by pass, as `r1.pass_a`, `r1.pass_b` and so on; `n` works were tested."""
    found = {}
    for row in answers(frame).to_dict("records"):
        for one_pass in "ab":
            value, low, high = (float(row[f"{part}_{one_pass}"]) for part in ("odds_ratio", "low", "high"))
            below, above = (row[f"found_{side}_{one_pass}"] for side in ("below", "above"))
            estimate = Estimate(
                value, (low, high), n, n, p_value=float(row[f"p_{one_pass}"]), unit="odds ratio",
                detectable_below=None if pd.isna(below) else below, detectable_above=None if pd.isna(above) else above,
            )  # fmt: skip
            if not np.isfinite(value):
                estimate = Estimate.missing("odds ratio", n, "literature.csv: a cell of the fourfold table is empty")
            found[f"{row['remedy_id'].lower()}.pass_{one_pass}"] = estimate
    return found


def association(table: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """Return odds ratio, low, high and p of a fourfold table by Fisher's exact test (Fisher, JRSS 98 (1935), 39-82).

    `table`: both, problem only; remedy only, neither. The odds ratio is missing and p is 1 where a margin is empty.
    """
    if 0 in table.sum(axis=0) or 0 in table.sum(axis=1):
        return np.nan, np.nan, np.nan, 1.0
    result = odds_ratio(table)
    low, high = result.confidence_interval(confidence)
    return float(result.statistic), float(low), float(high), float(fisher_exact(table).pvalue)


def trend(works: pd.DataFrame, codes: Sequence[str], confidence: float, seed: int) -> Estimate:
    """Return the change of the share of works with any of `codes`, in percentage points a year.

    Least squares on the year; the score statistic behind it is the test of Cochran (Biometrics 10 (1954), 417-451) and
    Armitage (Biometrics 11 (1955), 375-386). p by permuting the years, interval by resampling works. Works without a
    year are left out, since unknown is not a year.
    """
    dated = works[works["year"].notna()]
    unit, marked = "percentage points a year", any_of(dated, codes).to_numpy()
    years = dated["year"].to_numpy(float)
    if len(dated) < TREND_WORKS or len(set(years)) < 2 or len(set(marked)) < 2:
        reason = (
            f"literature.csv holds {len(dated)} works with a year, {np.count_nonzero(marked)} of them marked; "
            f"the trend needs {TREND_WORKS}, of two years or more, marked and unmarked"
        )
        return Estimate.missing(unit, len(dated), reason)
    weights, orders = _draws(len(dated), seed)
    observed = slopes(years, marked, np.ones((1, len(dated))))[0]
    shuffled = marked[orders] @ (years - years.mean())
    extreme = np.abs(shuffled) >= abs(marked @ (years - years.mean())) - 1e-9
    return Estimate(
        100 * float(observed),
        percentile_interval(100 * slopes(years, marked, weights), confidence),
        len(dated),
        len(dated),
        unit=unit,
        p_value=float((1 + extreme.sum()) / (DRAWS + 1)),
        rows={"literature": list(dated["work_id"])},
    )


@cache
def _draws(works: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each work is drawn, and orders of the works, draws x works each; the same for all groups of codes."""
    rng = np.random.default_rng(seed)
    return resample_weights(works, rng, DRAWS), rng.permuted(np.tile(np.arange(works), (DRAWS, 1)), axis=1)


def trend_power(found: Estimate, works: pd.DataFrame, codes: Sequence[str], level: float) -> Estimate:
    """Return a result of `trend` with the trends, down and up, that its permutation test would find with 80 % power.

    `level` is the p value that the test asks for; with Benjamini and Hochberg's correction, that of a trend which alone
    holds: one minus the confidence over the number of trends (see `power.slope`).
    """
    dated = works[works["year"].notna()]
    reach = power.slope(dated["year"].to_numpy(float), any_of(dated, codes).to_numpy(float), level)
    if found.value is None or reach is None:
        return found
    return found.with_(detectable_below=-100 * reach, detectable_above=100 * reach)


def slopes(years: np.ndarray, marked: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return least-squares slopes of marks on years, one a row of `weights` (draws x works); missing for one year."""
    total = weights.sum(axis=1)
    mean_year, mean_mark = weights @ years / total, weights @ marked / total
    spread = weights @ years**2 / total - mean_year**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (weights @ (years * marked) / total - mean_year * mean_mark) / spread, np.nan)


def trend_table(trends: Mapping[str, Estimate], statements: Mapping[str, str]) -> pd.DataFrame:
    """Return estimates of `trend` for `figures.interval_plot`: label, value, low, high, n, p_value, colour."""
    rows = []
    for name, estimate in trends.items():
        low, high = estimate.interval or (np.nan, np.nan)
        colour = "orange" if name in CLAIM_PROBLEMS else "blue"
        rows.append((f"{name}  {statements[name]}", estimate.value, low, high, estimate.n, estimate.p_value, colour))
    return pd.DataFrame(rows, columns=["label", "value", "low", "high", "n", "p_value", "colour"])


def reading_order(works: pd.DataFrame) -> pd.DataFrame:
    """Return the works from the oldest to the newest, by work_id within a year, those without a year last."""
    return works.sort_values(["year", "work_id"], na_position="last", ignore_index=True)


def saturation(works: pd.DataFrame, confidence: float, seed: int) -> pd.DataFrame:
    """Return how many different codes, and pairs of a problem with a remedy, the first k works hold, for every k.

    Columns: works (k), codes, codes_low, codes_high, pairs, pairs_low, pairs_high. A code counts once both passes give
    it. The works stand in `reading_order`; the band is the central part of the same curve in random orders. After
    Guest, Namey and Chen, PLoS ONE 15 (2020), e0232076.
    """
    ordered = marks(reading_order(works), list(CODES), "both")
    kinds = {"codes": ordered.to_numpy(bool), "pairs": _pairs(ordered)}
    if ordered.empty:
        columns = [name + end for name in kinds for end in ("", "_low", "_high")]
        return pd.DataFrame(columns=["works", *columns], dtype=float)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(ordered)) for _ in range(SATURATION_DRAWS)]
    frame = pd.DataFrame({"works": np.arange(1, len(ordered) + 1)})
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    for name, held in kinds.items():
        frame[name] = _seen(held)
        low, high = np.quantile(np.array([_seen(held[order]) for order in orders]), ends, axis=0)
        frame[f"{name}_low"], frame[f"{name}_high"] = low, high
    return frame


def works_until(curve: pd.Series, share: float) -> int | None:
    """Return after how many works a curve of `saturation` reaches `share` of its last value; None if that is 0."""
    if curve.empty or curve.iloc[-1] == 0:
        return None
    return int(np.argmax(curve.to_numpy() >= share * curve.iloc[-1])) + 1


def similarity(works: pd.DataFrame) -> pd.DataFrame:
    """Return how alike the codes of every two works are, from 0 to 1, works x works by work_id.

    Jaccard's coefficient (New Phytologist 11 (1912), 37-50), shared codes over codes of either; with the mean of both
    passes its weighted form, sum of minima over sum of maxima. Two works without any code are not alike.
    """
    held = marks(works, list(CODES))
    values = held.to_numpy()
    least = np.minimum(values[:, None], values[None]).sum(axis=2)
    most = np.maximum(values[:, None], values[None]).sum(axis=2)
    alike = np.divide(least, most, out=np.zeros_like(least), where=most > 0)
    return pd.DataFrame(alike, index=held.index, columns=held.index)


def graph(works: pd.DataFrame) -> nx.Graph:
    """Return the similarity graph: nodes 0, 1, … in the order of `works`, links of weight ALIKE or more."""
    alike = similarity(works).to_numpy()
    network = nx.Graph()
    # Numbers, not names: the order in which networkx visits text depends on the hash seed of the process.
    network.add_nodes_from(range(len(works)))
    pairs = combinations(range(len(works)), 2)
    network.add_weighted_edges_from((i, j, float(alike[i, j])) for i, j in pairs if alike[i, j] >= ALIKE)
    return network


def partitions(network: nx.Graph, seed: int) -> list[list[set[int]]]:
    """Return LOUVAIN_RUNS partitions of the graph into communities from different seeds, highest modularity first.

    Louvain method: Blondel and others, J. Statistical Mechanics (2008), P10008.
    """
    if not len(network):
        return [[]] * LOUVAIN_RUNS
    seeds = np.random.default_rng(seed).integers(0, 2**31, LOUVAIN_RUNS)
    runs = [nx.community.louvain_communities(network, seed=int(number)) for number in seeds]
    return sorted(runs, key=lambda parts: -modularity(network, parts))


def modularity(network: nx.Graph, parts: Sequence[set[int]]) -> float:
    """Return the modularity of a partition, 0 without links (Newman and Girvan, Phys. Review E 69 (2004), 026113)."""
    return float(nx.community.modularity(network, parts)) if network.number_of_edges() else 0.0


def communities(parts: Sequence[set[int]]) -> list[int]:
    """Return the community of every node in order, 1 for the largest part; 0 for a node that is a part of its own."""
    ordered = sorted((sorted(part) for part in parts), key=lambda part: (-len(part), part))
    number = {node: place for place, part in enumerate(ordered, start=1) for node in part if len(part) > 1}
    return [number.get(node, 0) for node in range(sum(map(len, ordered)))]


def stability(runs: Sequence[Sequence[set[int]]]) -> float:
    """Return how far the `partitions` agree: the mean adjusted Rand index over all pairs of runs."""
    labels = []
    for parts in runs:
        number = {node: place for place, part in enumerate(parts) for node in part}
        labels.append([number[node] for node in sorted(number)])
    return float(np.mean([adjusted_rand(one, other) for one, other in combinations(labels, 2)]))


def adjusted_rand(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the agreement of two partitions, 1 if equal, about 0 by chance (Hubert and Arabie, J. Classification 2
    (1985), 193-218)."""
    if len(first) < 2:
        return 1.0  # there is no pair on which they could differ
    table = np.zeros((max(first) + 1, max(second) + 1))
    np.add.at(table, (np.asarray(first), np.asarray(second)), 1)
    together = _couples(table).sum()
    one, other, every = _couples(table.sum(axis=1)).sum(), _couples(table.sum(axis=0)).sum(), _couples(table.sum())
    chance = one * other / every
    most = (one + other) / 2
    return 1.0 if most == chance else float((together - chance) / (most - chance))


def community_table(works: pd.DataFrame, community: Sequence[int]) -> pd.DataFrame:
    """Return one row a community: community, works, name, typical_codes, first_year, last_year.

    The name joins the two codes whose share in the community exceeds their share among all works most; a code must
    occur in a third of the community's works. Community 0 holds the works without a link.
    """
    held, label = marks(works, list(CODES)), np.asarray(community)
    rows = []
    for number in sorted(set(community) - {0}):
        inside = label == number
        typical = _typical(held[inside].mean(), held.mean())
        years = works.loc[inside, "year"]
        name = " + ".join(CODES[code] for code in typical)
        rows.append((number, int(inside.sum()), name, " ".join(typical), years.min(), years.max()))
    names = ["community", "works", "name", "typical_codes", "first_year", "last_year"]
    return pd.DataFrame(rows, columns=names).astype({"first_year": "Int64", "last_year": "Int64"})


def layout(network: nx.Graph, community: Sequence[int]) -> pd.DataFrame:
    """Return the place of every node: x, y from about -1 to 1, rounded to three decimals; row i is node i.

    Linked nodes by Kamada and Kawai (Information Processing Letters 31 (1989), 7-15), which needs no random start, then
    moved apart until none hides another. Nodes without a link stand in a row below.
    """
    linked = [node for node, number in enumerate(community) if number]
    alone = [node for node, number in enumerate(community) if not number]
    places = np.zeros((len(community), 2))
    if linked:
        places[linked] = _apart(_kamada_kawai(network.subgraph(linked)))
    below = places[:, 1].min(initial=0) - 4 * GAP
    across = GAP * (np.arange(len(alone)) - (len(alone) - 1) / 2)
    places[alone] = np.column_stack([across, np.full(len(alone), below)])
    return pd.DataFrame(places, columns=["x", "y"]).round(3)


def graph_nodes(works: pd.DataFrame, network: nx.Graph, community: Sequence[int]) -> pd.DataFrame:
    """Return the drawing of the graph, one row a work: work_id, year, community, codes, n_codes, links, study, x, y.

    codes are those given by at least one pass, joined by spaces.
    """
    held = marks(works, list(CODES), "either").astype(bool)
    frame = works[["work_id", "year", "study"]].assign(community=community)
    frame["codes"] = [" ".join(held.columns[row]) for row in held.to_numpy()]
    frame["n_codes"] = held.sum(axis="columns").to_numpy()
    frame["links"] = [network.degree[node] for node in sorted(network)]
    return pd.concat([frame, layout(network, community)], axis="columns")


def draw_flow(steps: pd.DataFrame) -> Figure:
    """Draw the steps of `flow` as boxes from top to bottom, what each leaves out at the right."""
    main = steps[(steps["left_out"] > 0) | (steps.index == 0)].iloc[:-2]
    aside = steps.iloc[-2:]
    figure, axes = figures.new(0.85 * (len(main) + 1))
    axis: Axes = axes[0, 0]
    axis.set_axis_off()
    axis.set(xlim=(0, 10), ylim=(-1.5, len(main) - 0.5))
    for place, row in zip(range(len(main) - 1, -1, -1), main.to_dict("records"), strict=True):
        _box(axis, 2.3, place, f"{row['step']}\nn = {row['n']}", PALETTE["blue"])
        if row["left_out"]:
            reasons = row["why"].replace("; ", "\n")
            axis.annotate("", (2.3, place + 0.3), (2.3, place + 0.72), arrowprops=ARROW)
            axis.annotate("", (5.4, place + 0.5), (2.3, place + 0.5), arrowprops=ARROW)
            axis.text(5.5, place + 0.5, f"left out {row['left_out']}:\n{reasons}", va="center", fontsize=8)
    for across, row in zip((2.3, 6.9), aside.to_dict("records"), strict=True):
        axis.annotate("", (across, -0.7), (2.3, -0.28), arrowprops=ARROW)
        _box(axis, across, -1, f"{row['step']}\nn = {row['n']}", PALETTE["grey"])
    return figure


def draw_prevalence(problems: pd.DataFrame, remedies: pd.DataFrame) -> Figure:
    """Draw two frames of `prevalence_table` side by side, most frequent on top.

    Thick: value and interval. Thin end marks: from `both` to `either` pass.
    """
    figure, axes = figures.new(3.0, columns=2, sharex=True)
    for axis, frame, title in zip(axes[0], (problems, remedies), ("Problems", "Remedies"), strict=True):
        ordered = frame.sort_values(["value", "name"], ascending=[True, False], ignore_index=True)
        for place, row in enumerate(ordered.drop(columns="n").to_dict("records")):
            figures.draw_interval(axis, place, row)
        axis.plot(ordered["both"], ordered.index, "|", color=PALETTE["ink"], markersize=9)
        axis.plot(ordered["either"], ordered.index, "|", color=PALETTE["ink"], markersize=9)
        axis.set_yticks(ordered.index, ordered["name"])
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_title(title)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.supxlabel("share of works; bars: interval, ticks: both and either pass", fontsize=9)
    return figure


def draw_associations(frame: pd.DataFrame) -> Figure:
    """Draw the frame of `associations`: area by works with both, colour by odds ratio, a ring where it holds."""
    figure, axes = figures.new(4.6)
    axis: Axes = axes[0, 0]
    across = frame["remedy"].map({code: place for place, code in enumerate(REMEDIES)})
    down = frame["problem"].map({code: place for place, code in enumerate(PROBLEMS)})
    # The geometric mean of both passes; ratios beyond 16 or none at all take the end of the scale.
    with np.errstate(divide="ignore"):
        logs = np.log2(frame[["odds_ratio_a", "odds_ratio_b"]].to_numpy()).mean(axis=1).clip(-4, 4)
    scale = LinearSegmentedColormap.from_list("odds", [PALETTE["orange"], "#f4f4f4", PALETTE["blue"]])
    edges = [PALETTE["ink"] if holds else "none" for holds in frame["holds"]]
    areas = np.where(frame["together"] > 0, 90 + 26 * frame["together"], 0)
    norm = TwoSlopeNorm(0, -4, 4)
    drawn = axis.scatter(across, down, s=areas, c=logs, cmap=scale, norm=norm, edgecolors=edges, linewidths=1.6)
    for x, y, together, log in zip(across, down, frame["together"], logs, strict=True):
        if together:
            colour = "white" if abs(log) > 3 else PALETTE["ink"]
            axis.text(x, y, f"{together:g}", ha="center", va="center", fontsize=7, color=colour)
    axis.set_xticks(range(len(REMEDIES)), list(REMEDIES.values()), rotation=35, ha="right")
    axis.set_yticks(range(len(PROBLEMS)), list(PROBLEMS.values()))
    axis.set_ylim(len(PROBLEMS) - 0.4, -0.6)
    bar = figure.colorbar(drawn, ax=axis, shrink=0.7, ticks=[-4, -2, 0, 2, 4])
    bar.ax.set_yticklabels(["1/16", "1/4", "1", "4", "16"])
    bar.set_label("odds ratio")
    return figure


def draw_saturation(curve: pd.DataFrame) -> Figure:
    """Draw the frame of `saturation`: codes at the left, pairs of problem and remedy at the right."""
    if curve.empty:
        return figures.no_data("literature.csv holds no work with a complete excerpt")
    figure, axes = figures.new(2.8, columns=2)
    panels = (("codes", "different codes", "blue"), ("pairs", "pairs of problem and remedy", "green"))
    for axis, (name, label, colour) in zip(axes[0], panels, strict=True):
        axis.fill_between(
            curve["works"], curve[f"{name}_low"], curve[f"{name}_high"], color=PALETTE["light"], step="post"
        )
        axis.step(curve["works"], curve[name], where="post", color=PALETTE[colour], linewidth=1.6)
        axis.set(xlabel="works read, oldest first", title=label, xlim=(0, len(curve) + 1), ylim=(0, None))
        axis.annotate(
            "any order", (len(curve) / 4, curve[f"{name}_low"].iloc[len(curve) // 4]),
            (len(curve) / 2.6, min(3, 0.3 * curve[f"{name}_high"].max())),
            color=PALETTE["grey"], fontsize=8, arrowprops={"arrowstyle": "-", "color": PALETTE["grey"]},
        )  # fmt: skip
    return figure


def draw_graph(nodes: pd.DataFrame, network: nx.Graph, names: pd.DataFrame) -> Figure:
    """Draw the similarity graph: a point a work, its size by its codes, its colour and name by community.

    `nodes` comes from `graph_nodes`, with a further column `url` that each point leads to in the SVG; `names` from
    `community_table`.
    """
    if nodes.empty:
        return figures.no_data("literature.csv holds no work with a complete excerpt")
    figure, axes = figures.new(6.2)
    axis: Axes = axes[0, 0]
    axis.set_axis_off()
    places = nodes[["x", "y"]].to_numpy()
    links = [[places[one], places[other]] for one, other in sorted(network.edges)]
    axis.add_collection(LineCollection(links, colors=PALETTE["light"], linewidths=0.5, zorder=0))
    for marker, part, larger in (("o", nodes[~nodes["study"]], 0), ("*", nodes[nodes["study"]], 150)):
        points = axis.scatter(
            part["x"], part["y"], s=22 + 11 * part["n_codes"] + larger, marker=marker,
            c=[_colour(number) for number in part["community"]], edgecolors="white", linewidths=0.7, zorder=2,
        )  # fmt: skip
        points.set_urls(list(part["url"]))
    _name_communities(axis, nodes, names)
    _name_study(axis, nodes[nodes["study"]])
    _name_unlinked(axis, nodes[nodes["community"] == 0])
    if names.empty:
        axis.update_datalim([(-1, -1), (1, 1)])  # points without a link stand close together: leave room for words
    axis.set_aspect("equal")
    axis.margins(0.08)
    return figure


def _colour(community: int) -> str:
    colours = [PALETTE[name] for name in (*figures.CYCLE, "ink")]
    return colours[community - 1] if 0 < community <= len(colours) else PALETTE["grey"]


def _name_communities(axis: Axes, nodes: pd.DataFrame, names: pd.DataFrame) -> None:
    """Write each name near its points, where it hides the fewest points and names."""
    taken: list[np.ndarray] = []
    for row in names.to_dict("records"):
        text = f"{row['name'].replace(' + ', ' +' + chr(10))} ({row['works']})"
        lines = text.split("\n")
        size = np.array([0.0105 * max(map(len, lines)), 0.03 * len(lines)])  # half width and height of 8.5 points
        x, y = _free_place(nodes, row["community"], size, taken)
        taken.append(np.array([x, y, *size]))
        colour = _colour(row["community"])
        axis.text(x, y, text, ha="center", va="center", fontsize=8.5, color=colour, path_effects=HALO, zorder=4)


def _free_place(nodes: pd.DataFrame, community: int, size: np.ndarray, taken: list[np.ndarray]) -> np.ndarray:
    """The place on a grid with the least cost: points hidden, names hidden, distance to the community's points."""
    points, own = nodes[["x", "y"]].to_numpy(), (nodes["community"] == community).to_numpy()
    grid = np.stack(np.meshgrid(np.linspace(-1.1, 1.1, 89), np.linspace(-1.1, 1.1, 89)), axis=-1).reshape(-1, 2)
    off = np.abs(grid[:, None] - points[None])
    hidden = (off < size + GAP / 2).all(axis=2).sum(axis=1)
    covered = sum(((np.abs(grid - name[:2]) < size + name[2:]).all(axis=1) for name in taken), np.zeros(len(grid)))
    distance = np.hypot(*np.clip(off - size, 0, None).transpose(2, 0, 1))
    # A name nearer to the points of another community would be read as theirs.
    astray = distance[:, own].min(axis=1) >= distance[:, ~own].min(axis=1, initial=9.0)
    centre = np.hypot(*(grid - points[own].mean(axis=0)).T)
    cost = 10 * (hidden + covered) + 2 * astray + distance[:, own].min(axis=1) + 0.2 * centre
    return grid[int(np.argmin(cost.round(6)))]


def _name_study(axis: Axes, study: pd.DataFrame) -> None:
    for row in study.to_dict("records"):
        axis.annotate(
            "the study under test", (row["x"], row["y"]), (0, 24), textcoords="offset points", fontsize=8, ha="center",
            path_effects=HALO, arrowprops={"arrowstyle": "-", "color": PALETTE["ink"]}, zorder=5,
        )  # fmt: skip


def _name_unlinked(axis: Axes, alone: pd.DataFrame) -> None:
    if len(alone):
        label = f"without a link: at least half of the codes in common with no other work ({len(alone)})"
        axis.text(0, alone["y"].min() - 2 * GAP, label, ha="center", va="top", fontsize=8, color=PALETTE["grey"])


def _box(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    look = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": colour}
    axis.text(x, y, text, ha="center", va="center", bbox=look)


def _kamada_kawai(network: nx.Graph) -> np.ndarray:
    """Places of the nodes in sorted order, the furthest at distance 1; separate parts stand one step apart."""
    nodes = sorted(network)
    steps = dict(nx.all_pairs_shortest_path_length(network))
    furthest = max(max(reached.values()) for reached in steps.values()) + 1
    distances = {one: {other: steps[one].get(other, furthest) for other in nodes} for one in nodes}
    found = nx.kamada_kawai_layout(network, dist=distances, pos=nx.circular_layout(nodes))
    places = np.array([found[node] for node in nodes])
    places -= places.mean(axis=0)
    return places / max(np.abs(places).max(), 1e-9)


def _apart(places: np.ndarray, rounds: int = 200) -> np.ndarray:
    """The same points, pushed apart in pairs until all are GAP from each other or the rounds are over."""
    # A spiral of tiny steps, so that points in one place are pushed in different directions.
    turns = np.arange(len(places))
    places = places + 1e-4 * np.column_stack([np.cos(turns), np.sin(turns)])
    for _ in range(rounds):
        between = places[:, None] - places[None]
        distance = np.hypot(between[..., 0], between[..., 1]) + 2 * GAP * np.eye(len(places))
        lacking = np.clip(GAP - distance, 0, None) / distance
        if not lacking.any():
            break
        places = places + (lacking[..., None] * between).sum(axis=1) / 4
    return places


def _typical(inside: pd.Series, overall: pd.Series) -> list[str]:
    excess = (inside - overall)[inside >= 1 / 3].round(9)
    best = sorted(excess.index, key=lambda code: (-excess[code], code))[:2]
    return best or [str(inside.round(9).idxmax())]


def _couples(counts: Any) -> Any:
    return counts * (counts - 1) / 2


def _pass_associations(held: pd.DataFrame, confidence: float) -> pd.DataFrame:
    rows, level = [], (1 - confidence) / (len(PROBLEMS) * len(REMEDIES))
    for problem in PROBLEMS:
        for remedy in REMEDIES:
            has, gets = held[problem] == 1, held[remedy] == 1
            counts = [int(both.sum()) for both in (has & gets, has & ~gets, ~has & gets, ~has & ~gets)]
            table = np.array(counts).reshape(2, 2)
            rows.append((problem, remedy, counts[0], *association(table, confidence), *power.odds_ratios(table, level)))
    names = ["problem", "remedy", "together", "odds_ratio", "low", "high", "p", "found_below", "found_above"]
    frame = pd.DataFrame(rows, columns=names).astype({"found_below": float, "found_above": float})
    return frame.assign(q=benjamini_hochberg(frame["p"].tolist()))


def _pairs(held: pd.DataFrame) -> np.ndarray:
    """Which pairs of a problem and a remedy each work holds: works x pairs."""
    problems, remedies = held[list(PROBLEMS)].to_numpy(bool), held[list(REMEDIES)].to_numpy(bool)
    return (problems[:, :, None] & remedies[:, None, :]).reshape(len(held), len(PROBLEMS) * len(REMEDIES))


def _seen(held: np.ndarray) -> np.ndarray:
    return np.logical_or.accumulate(held, axis=0).sum(axis=1)
