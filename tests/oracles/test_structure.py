"""Distances of distributions, likeness of sets, and communities in graphs."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cityblock, jaccard

from chanjiao import literature, operation, sectors


def test_dissimilarity_is_half_the_city_block_distance() -> None:
    """Duncan and Duncan, American Sociological Review 20 (1955), 210-217, give the formula; recomputed with SciPy, no
    published example with all its numbers was found."""
    colleges, gdp = np.array([0.05, 0.55, 0.40]), np.array([0.07, 0.40, 0.53])
    assert sectors.dissimilarity(colleges, gdp) == pytest.approx(cityblock(colleges, gdp) / 2)
    assert sectors.dissimilarity(colleges, gdp) == pytest.approx(0.15)


def test_the_location_quotient_is_a_share_over_a_share() -> None:
    """By hand: 6 of 10 colleges in a sector with 40 % of GDP have the quotient 1.5, 3 in one with 50 % have 0.6."""
    colleges = pd.DataFrame({"province_code": "50", "sector": ["primary"] + ["secondary"] * 6 + ["tertiary"] * 3})
    gdp = pd.DataFrame({"primary": [0.1], "secondary": [0.4], "tertiary": [0.5], "year": [2024]}, index=["50"])
    found = operation.sector_table(colleges, gdp, "50")
    assert found["location_quotient"].tolist() == pytest.approx([1, 1.5, 0.6])


def test_similarity_of_works_is_one_less_scipys_jaccard_distance() -> None:
    """Jaccard, New Phytologist 11 (1912), 37-50; recomputed with SciPy on forty random works with one code or more."""
    held = np.random.default_rng(2).random((40, len(literature.CODES))) < 0.3
    held[:, 0] |= ~held.any(axis=1)
    works = pd.DataFrame({"work_id": [f"L{number:03d}" for number in range(40)]})
    marks = {f"{code}_{one}": held[:, place] for place, code in enumerate(literature.CODES) for one in "ab"}
    found = literature.similarity(works.assign(**{name: mark.astype(int) for name, mark in marks.items()}))
    expected = [[1 - jaccard(one, other) for other in held] for one in held]
    assert found.to_numpy() == pytest.approx(np.array(expected))


def test_modularity_of_two_triangles_joined_by_a_link() -> None:
    """By hand from Newman and Girvan, Physical Review E 69 (2004), 026113: 7 links, 3 inside each part, 7 of 14 ends in
    each, 6/7 - 2 (1/2)^2 = 5/14."""
    network = nx.Graph([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)])
    assert literature.modularity(network, [{0, 1, 2}, {3, 4, 5}]) == pytest.approx(5 / 14)
    assert sorted(map(sorted, literature.partitions(network, 1)[0])) == [[0, 1, 2], [3, 4, 5]]


def test_communities_of_the_karate_club_reach_the_best_modularity() -> None:
    # Brandes and others, IEEE Trans. Knowledge and Data Engineering 20 (2008), 172-188: optimum 0.4198, 4 communities.
    club = nx.Graph(list(nx.karate_club_graph().edges))
    best = literature.partitions(club, 20260101)[0]
    assert literature.modularity(club, best) == pytest.approx(0.4198, abs=1e-4)
    assert set(literature.communities(best)) == {1, 2, 3, 4}


def test_adjusted_rand_of_known_partitions() -> None:
    # Documentation of scikit-learn, adjusted_rand_score: 0.57 for the first pair, 1 up to names, 0 for all apart.
    assert literature.adjusted_rand([0, 0, 1, 1], [0, 0, 1, 2]) == pytest.approx(4 / 7)
    assert literature.adjusted_rand([0, 0, 1, 1], [1, 1, 0, 0]) == 1
    assert literature.adjusted_rand([0, 0, 0, 0], [0, 1, 2, 3]) == 0
