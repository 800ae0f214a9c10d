"""The economic sectors that colleges stand for, by a lexicon of terms in their names, and their distance from GDP's."""

from importlib.resources import files

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln
from statsmodels.stats.inter_rater import cohens_kappa

from chanjiao.statistics import Estimate, Interval, wilson

SECTORS = ("primary", "secondary", "tertiary")
UNCLASSIFIED = "unclassified"
GRID = 40  # steps of the first grid of distributions over three sectors; a finer one follows around its ends


def sector_lexicon() -> pd.DataFrame:
    """The lexicon of terms in college names: term_zh, sector, alternative_sector, note.

    Sectors are primary, secondary and tertiary; `none` marks a term that names no trade and hides what is inside it. An
    alternative sector (or `none`) stands where the term is arguable.
    """
    return _packaged("sector_lexicon.csv")


def main_sector_codes() -> pd.DataFrame:
    """The coded main_sector of a college profile and its sector: main_sector, sector (may be missing), note."""
    return _packaged("main_sectors.csv")


def _packaged(name: str) -> pd.DataFrame:
    with (files("chanjiao") / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype="str", keep_default_na=False, na_values=[""])


def classify_names(names: pd.Series, lexicon: pd.DataFrame, *, alternative: bool = False) -> pd.DataFrame:
    """The sector that a college's name speaks of: term_zh and sector, both missing where no term is found.

    Terms are read from left to right, at each place the longest; the first that names a trade decides. With
    `alternative` an arguable term counts in its alternative sector.
    """
    sectors = lexicon["alternative_sector"].fillna(lexicon["sector"]) if alternative else lexicon["sector"]
    trade = lexicon.loc[lexicon["sector"] != "none", "term_zh"]
    longest_first = sorted(lexicon["term_zh"], key=lambda term: (-len(term), term))
    found = names.str.findall("|".join(longest_first))
    known = set(trade)
    terms = found.map(lambda hits: next((hit for hit in hits if hit in known), None)).astype("str")
    sector = terms.map(dict(zip(lexicon["term_zh"], sectors, strict=True)))
    return pd.DataFrame({"term_zh": terms, "sector": sector.where(sector != "none").astype("str")})


def college_sectors(institutions: pd.DataFrame, lexicon: pd.DataFrame, *, alternative: bool = False) -> pd.DataFrame:
    """`institutions` with term_zh and sector from the college's name on the list."""
    return institutions.join(classify_names(institutions["name_zh"], lexicon, alternative=alternative))


def gdp_shares(province_statistics: pd.DataFrame) -> pd.DataFrame:
    """GDP by sector, newest year with all three shares: index province_code; year and one column per sector.

    The shares (gdp_share_*_pct) are divided by their sum, so that rounding in the source leaves no rest.
    """
    names = {f"gdp_share_{sector}_pct": sector for sector in SECTORS}
    rows = province_statistics[province_statistics["indicator"].isin(names)]
    wide = rows.assign(sector=rows["indicator"].map(names)).pivot(
        index=["province_code", "year"], columns="sector", values="value"
    )
    newest = wide.reindex(columns=list(SECTORS)).dropna().reset_index("year").groupby(level=0, sort=True).tail(1)
    shares = newest[list(SECTORS)].div(newest[list(SECTORS)].sum(axis="columns"), axis="index")
    return shares.assign(year=newest["year"].astype(int))


def dissimilarity(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Index of dissimilarity, half the sum of absolute differences, along the last axis; between 0 and 1.

    Duncan and Duncan, American Sociological Review 20 (1955), 210-217.
    """
    return np.asarray(0.5 * np.abs(np.asarray(shares) - np.asarray(reference)).sum(axis=-1))


def expected_dissimilarity(n: int, reference: np.ndarray, shares: np.ndarray | None = None) -> float:
    """Exact mean dissimilarity to `reference` of `n` colleges drawn from `shares` (from `reference` itself if None).

    The multinomial mean over all possible counts: what chance alone would show (Carrington and Troske, J. Business and
    Economic Statistics 15 (1997), 402-409).
    """
    counts = ways_to_spread(n)
    chances = multinomial_chances(counts, np.asarray(reference if shares is None else shares)[None])
    return float(dissimilarity(counts / n, reference) @ chances[:, 0])


def excess_interval(counts: np.ndarray, reference: np.ndarray, confidence: float) -> Interval:
    """Interval of the expected excess dissimilarity by inverting the exact test.

    Distributions over the three sectors are tried on a grid. The lower end is the smallest excess among those under
    which a dissimilarity as large as the observed has a chance of at least (1 - confidence) / 2, the upper end the
    largest among those under which one as small has it (Casella and Berger, Statistical Inference (2nd ed.), section
    9.2). The lower end lies above 0 only if the exact test of a perfect fit rejects. A bootstrap would not do: the
    index cannot be negative and is biased upwards near 0, so the basic interval misses the truth far too often, and
    the percentile interval starts too high with few colleges.
    """
    low, high = _ends(counts, reference, np.vstack([ways_to_spread(GRID) / GRID, reference]), confidence)
    finer = np.vstack([low, high, _around(low, 1 / GRID), _around(high, 1 / GRID)])
    ends = _ends(counts, reference, finer, confidence)
    n, value = int(counts.sum()), float(dissimilarity(counts / counts.sum(), reference))
    limits = [expected_dissimilarity(n, reference, end) for end in ends]
    chance = expected_dissimilarity(n, reference)
    return min(limits[0], value) - chance, max(limits[1], value) - chance


def perfect_fit_p(counts: np.ndarray, reference: np.ndarray) -> float:
    """Exact chance of a dissimilarity at least as large if the colleges were drawn from the reference shares."""
    outcomes = ways_to_spread(int(counts.sum()))
    chances = multinomial_chances(outcomes, np.asarray(reference)[None])[:, 0]
    observed = dissimilarity(counts / counts.sum(), reference)
    return min(1.0, float(chances[dissimilarity(outcomes / counts.sum(), reference) >= observed - 1e-9].sum()))


def _ends(
    counts: np.ndarray, reference: np.ndarray, grid: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """The distributions of the grid that stay and expect the smallest and the largest dissimilarity."""
    outcomes, tail = ways_to_spread(int(counts.sum())), (1 - confidence) / 2
    index = dissimilarity(outcomes / counts.sum(), reference)
    observed = dissimilarity(counts / counts.sum(), reference)
    chances = multinomial_chances(outcomes, grid)
    expected = index @ chances
    as_large = (index >= observed - 1e-9).astype(float) @ chances
    as_small = (index <= observed + 1e-9).astype(float) @ chances
    # A fit better than chance allows leaves no distribution on its side: then the most likely one stays.
    low = np.where(as_large >= min(tail, as_large.max()), expected, np.inf).argmin()
    high = np.where(as_small >= min(tail, as_small.max()), expected, -np.inf).argmax()
    return grid[low], grid[high]


def ways_to_spread(n: int) -> np.ndarray:
    """All ways to spread n colleges over three sectors, one a row."""
    first, second = np.divmod(np.arange((n + 1) ** 2), n + 1)
    keep = first + second <= n
    return np.column_stack([first[keep], second[keep], n - first[keep] - second[keep]])


def _around(point: np.ndarray, width: float) -> np.ndarray:
    """A finer grid of distributions within `width` of `point` in the first two sectors."""
    offsets = np.linspace(-width, width, 11)
    first, second = (axis.ravel() for axis in np.meshgrid(point[0] + offsets, point[1] + offsets))
    grid = np.column_stack([first, second, 1 - first - second])
    return grid[(grid >= 0).all(axis=1)]


def multinomial_chances(outcomes: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Multinomial probabilities, outcomes x distributions."""
    ways = gammaln(outcomes.sum(axis=1) + 1) - gammaln(outcomes + 1).sum(axis=1)
    return np.asarray(np.exp(ways[:, None] + outcomes @ np.log(np.maximum(grid, 1e-12)).T))


def sector_counts(colleges: pd.DataFrame) -> np.ndarray:
    """Numbers of colleges in the primary, secondary and tertiary sector."""
    return np.array([(colleges["sector"] == sector).sum() for sector in SECTORS])


def lexicon_table(lexicon: pd.DataFrame) -> pd.DataFrame:
    """The lexicon for print: sector, terms joined, arguable terms with their alternative sector in brackets."""
    mark = (" (" + lexicon["alternative_sector"] + ")").fillna("")
    terms = (lexicon["term_zh"] + mark).groupby(lexicon["sector"]).agg(", ".join)
    order = [name for name in (*SECTORS, "none") if name in terms.index]
    return pd.DataFrame({"Sector": order, "Terms": terms.reindex(order).to_numpy()})


def sector_check(profiles: pd.DataFrame, colleges: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """Sectors of the colleges with a coded profile by both ways: institution_id, name_zh, term_zh, lexicon, coded.

    `codes` is that of `main_sector_codes`; what has no sector is `unclassified`.
    """
    coded = profiles[["institution_id", "main_sector"]].dropna().merge(codes, on="main_sector", validate="many_to_one")
    names = colleges[["institution_id", "name_zh", "term_zh", "sector"]].rename(columns={"sector": "lexicon"})
    both = coded.rename(columns={"sector": "coded"}).merge(names, on="institution_id", validate="one_to_one")
    both[["lexicon", "coded"]] = both[["lexicon", "coded"]].fillna(UNCLASSIFIED)
    columns = ["institution_id", "name_zh", "term_zh", "lexicon", "coded"]
    return both[columns].sort_values("institution_id", ignore_index=True)


def sector_confusion(check: pd.DataFrame) -> pd.DataFrame:
    """Numbers of colleges, sector by lexicon (rows) x coded sector (columns), unclassified last."""
    order = [*SECTORS, UNCLASSIFIED]
    return pd.crosstab(check["lexicon"], check["coded"]).reindex(index=order, columns=order, fill_value=0)


def sector_agreement(check: pd.DataFrame, confidence: float) -> tuple[Estimate, Estimate]:
    """Agreement (a share, Wilson interval) and Cohen's kappa of lexicon and codes where both give a sector.

    Kappa has Fleiss, Cohen and Everitt's large-sample interval (Psychological Bulletin 72 (1969), 323-327), none at
    perfect agreement, where that variance is 0.
    """
    counts = sector_confusion(check).loc[list(SECTORS), list(SECTORS)].to_numpy()
    n, same = int(counts.sum()), int(np.trace(counts))
    rows = {"institution_profiles": check["institution_id"].tolist()}
    if n == 0:
        reason = "institution_profiles.csv has 0 colleges to which both the lexicon and the codes give a sector"
        return Estimate.missing("share", 0, reason), Estimate.missing("kappa", 0, reason)
    agreement = Estimate(same / n, wilson(same, n, confidence), n, n, unit="share", rows=rows)
    if same == n:
        return agreement, Estimate(1.0, None, n, n, unit="kappa", rows=rows)
    kappa = cohens_kappa(counts)
    value, reach = float(kappa.kappa), float(stats.norm.ppf((1 + confidence) / 2) * kappa.std_kappa)
    return agreement, Estimate(value, (value - reach, min(value + reach, 1.0)), n, n, unit="kappa", rows=rows)


def programmes_by_sector(
    programmes: pd.DataFrame, categories: pd.DataFrame, institution_ids: pd.Series
) -> pd.DataFrame:
    """Programmes named on pages of the colleges: institution_id and a column of counts per sector, and unclassified.

    The sector is that of the catalogue's major category (major_categories.csv).
    """
    rows = programmes[programmes["institution_id"].isin(institution_ids)].merge(
        categories[["major_category_code", "sector"]], on="major_category_code", how="left", validate="many_to_one"
    )
    counts = pd.crosstab(rows["institution_id"], rows["sector"].fillna(UNCLASSIFIED))
    return counts.reindex(columns=[*SECTORS, UNCLASSIFIED], fill_value=0).rename_axis(columns=None).reset_index()
