"""What a simulation keeps of the real study: its units, pages, strata, dates and denominators, from the raw tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from chanjiao import coding, events, literature, mechanism, operation, sectors, tables, transmission
from chanjiao.claims import Rule, load_claims
from chanjiao.events import MARKS, Reading
from chanjiao.project import load_params, project_root

RAREST = 0.02  # a mark never seen in the province still gets a chance
NAMES = (
    "sources", "policies", "policy_parents", "policy_targets", "provinces", "institutions", "institution_facts",
    "province_statistics", "cooperation", "cooperation_a", "cooperation_b",
    "literature", "literature_a", "literature_b",
)  # fmt: skip


@dataclass(frozen=True)
class Structure:
    """The study of one province with its values taken out.

    Frames of events have event, page, college, form, dated, size_class, side (1 the province) and depth, the real one,
    from which expected depths are taken: signed (C2.1), compared (C2.2), bilateral (C3.1), sized (C5.1), several
    (C5.2), told (all events). prevalence and kappa belong to the nine marks. documents holds the tables of C1.1,
    targets the frame of C1.3, answers that of C1.2 and `every_answer` that of all parents. colleges counts those with
    a sector, gdp holds the shares of the sectors, spread is the standard deviation of colleges' teacher shares, listed
    the number of colleges. coded holds the page of every coded row, works the number of works.
    """

    province: str
    seed: int
    confidence: float
    book: Mapping[str, Any]
    events: Mapping[str, pd.DataFrame]
    prevalence: np.ndarray
    kappa: np.ndarray
    documents: Mapping[str, pd.DataFrame]
    targets: pd.DataFrame
    answers: pd.DataFrame
    every_answer: pd.DataFrame
    colleges: int
    gdp: np.ndarray
    spread: float
    listed: int
    coded: pd.Series
    works: int

    def rule(self, indicator: str) -> Rule:
        """The rule of an indicator such as C2.1 in claims.yaml."""
        return self.book["claims"][indicator[:2]]["indicators"][indicator]


class StructureError(ValueError):
    """A province has too few rows to be simulated."""


def read(province: str | None = None) -> Structure:
    """Read the structure of `province`, by default the first of params.yaml, from the raw tables.

    Raises StructureError for a province without any row for one of the indicators.
    """
    root = project_root()
    params, data = load_params(root), tables.load(*NAMES)
    province = province or params.provinces[0]
    frames, prevalence, kappa = _events(data, province)
    colleges = sectors.college_sectors(data["institutions"], sectors.sector_lexicon())
    answers = transmission.answers_flow(data).frame[["parent_id", "province_code", "policy_id", "lower", "upper"]]
    answered = answers[answers["province_code"].eq(province)]["parent_id"]
    targets, documents = transmission.comparison_flow(data, province).frame, _documents(data, province)
    _require(province, {**frames, "answers": answered, "targets": targets, "documents": documents["policies"]})
    return Structure(
        province, params.seed, params.confidence, load_claims(root / "claims.yaml"), frames, prevalence, kappa,
        documents=documents, targets=targets,
        answers=answers[answers["parent_id"].isin(answered)], every_answer=answers,
        colleges=len(operation.sector_flow(colleges, province).frame),
        gdp=sectors.gdp_shares(data["province_statistics"]).loc[province, list(sectors.SECTORS)].to_numpy(float),
        spread=_spread(data), listed=len(operation.in_province(data["institutions"], province)),
        coded=data["cooperation"].set_index("event_id")["source_id"],
        works=len(literature.coded_works(data["literature"], data["literature_a"], data["literature_b"])),
    )  # fmt: skip


def _require(province: str, parts: Mapping[str, pd.DataFrame | pd.Series]) -> None:
    empty = [name for name, part in parts.items() if part.empty]
    if empty:
        raise StructureError(
            f"data/raw holds no rows of province {province} for {', '.join(empty)}; make a province with rows for "
            "every indicator the first in params.yaml, then run `make bench` again"
        )


def _events(
    data: Mapping[str, pd.DataFrame], province: str
) -> tuple[dict[str, pd.DataFrame], np.ndarray, np.ndarray]:
    every = events.events(*(data[name] for name in ("cooperation", "cooperation_a", "cooperation_b", "sources")))
    reading, own = Reading(every), every[every["province_code"] == province]
    used = {
        "signed": mechanism.signed_events(reading, province).frame,
        "compared": mechanism.bilateral_events(reading, province).frame,
        "bilateral": operation.curriculum_events(reading, province).frame,
        "sized": mechanism.sized_events(reading, province).frame,
        "several": mechanism.events_of_several(reading, province).frame,
        "told": own,
    }
    prevalence = np.maximum(events.marks(own).mean().to_numpy(float), RAREST)
    tables_of_marks = [coding.confusion(every[f"{name}_a"], every[f"{name}_b"]).to_numpy() for name in MARKS]
    kappa = np.array([float(cohens_kappa(table, return_results=False)) for table in tables_of_marks])
    return {name: _bare(frame, province) for name, frame in used.items()}, prevalence, kappa


def _bare(frame: pd.DataFrame, province: str) -> pd.DataFrame:
    kept = frame[["page", "college", "form", "dated"]].assign(
        event=np.arange(len(frame)).astype(str),
        side=(frame["province_code"] == province).astype(int),
        size_class=frame["size_class"].astype(float),
        depth=events.depth(frame),
    )
    return kept.reset_index(drop=True)


def _documents(data: Mapping[str, pd.DataFrame], province: str) -> dict[str, pd.DataFrame]:
    own = transmission.own_flow(data, province).frame["policy_id"]
    policies = data["policies"][data["policies"]["policy_id"].isin(own)].reset_index(drop=True)
    return {"policies": policies, "policy_targets": data["policy_targets"].iloc[:0], "sources": data["sources"]}


def _spread(data: Mapping[str, pd.DataFrame]) -> float:
    facts = operation.dual_qualified_facts(data["institution_facts"], data["institutions"], data["sources"]).frame
    shares = operation.one_per_college(operation.named_colleges(facts))
    return float(shares.loc[shares["denominator"] == "full_time_teachers", "share"].std(ddof=1))
