"""Applies the study's rules to one simulated study, wholly or in part, and counts the verdicts of many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scenarios import Scenario, check
from structure import Structure

from chanjiao.claims import (
    CONTRADICTED,
    INSUFFICIENT,
    MIXED,
    SUPPORTED,
    UNDECIDED,
    Rule,
    decide,
    join,
    judge_indicator,
    limits,
)
from chanjiao.simulated import ALONE, FULL
from chanjiao.statistics import Estimate


class Judged(NamedTuple):
    """The verdict of one simulated study, the estimate behind it and its effective number of units."""

    verdict: str
    value: float
    effective_n: float


@dataclass(frozen=True)
class Judge:
    """The rule of an indicator, and how much of it is applied: FULL, NO_BIAS or ALONE."""

    rule: Rule
    joining: Rule
    analysis: str = FULL

    def applied(self) -> Rule:
        """The rule without what is left out."""
        rule = dict(self.rule)
        if self.analysis != FULL:
            rule["safe_direction"] = "both"
        if self.analysis == ALONE:
            rule["holds_under"] = []
        return rule

    def __call__(self, estimate: Estimate, variants: Callable[[], Mapping[str, Estimate]] = dict) -> Judged:
        """The verdict on an estimate; its variants are computed only where they can take a decision away."""
        rule = self.applied()
        needed = rule["holds_under"] and decide(rule, estimate.interval) != UNDECIDED
        verdict = judge_indicator(rule, estimate, variants() if needed else {}, self.joining)["verdict"]
        return Judged(verdict, np.nan if estimate.value is None else estimate.value, estimate.effective_n or 0.0)


def judge(structure: Structure, indicator: str, analysis: str = FULL) -> Judge:
    """The judge of an indicator of claims.yaml."""
    return Judge(structure.rule(indicator), structure.book["joining"], analysis)


def right_verdict(rule: Rule, truth: float) -> str | None:
    """The verdict that the truth deserves; None on a threshold and between two, where none is right."""
    sides = limits(rule)
    for verdict in (SUPPORTED, CONTRADICTED):
        condition = rule.get(f"{verdict}_when")
        if condition and (truth < sides["below"] if "below" in condition else truth > sides["above"]):
            return verdict
    return None


def counted(scenario: Scenario, verdicts: Sequence[str], values: Sequence[float], right: str | None) -> dict[str, Any]:
    """One row of errors.csv: the shares of runs with each verdict, leaning ones counted with the full.

    `wrong` is the share decided otherwise than `right`; `error` its standard error.
    """
    sides = [verdict.removeprefix("leaning ") for verdict in verdicts]
    runs, decided = len(verdicts), [side for side in sides if side in (SUPPORTED, CONTRADICTED)]
    wrong = sum(side != right for side in decided) / runs
    shares = {side: round(sides.count(side) / runs, 4) for side in (SUPPORTED, CONTRADICTED, MIXED, UNDECIDED)}
    return {
        "indicator": scenario.indicator,
        "place": scenario.role,
        "truth": scenario.truth,
        "analysis": scenario.method,
        "n": scenario.n,
        "clusters": scenario.clusters,
        "intraclass": scenario.intraclass,
        "runs": runs,
        **shares,
        "insufficient": round(sides.count(INSUFFICIENT) / runs, 4),
        "leaning": round(sum(verdict.startswith("leaning") for verdict in verdicts) / runs, 4),
        "wrong": round(wrong, 4),
        "error": round(float(np.sqrt(wrong * (1 - wrong) / runs)), 4),
        "check": check(values),
        "note": scenario.note,
    }


def joined(structure: Structure, parts: Mapping[str, Sequence[Judged]]) -> list[str]:
    """The verdict on a claim in each run, from the runs of its indicators, which are drawn independently."""
    joining, tables = structure.book["joining"], {name: structure.rule(name)["table"] for name in parts}
    return [
        join(
            [
                {"verdict": one.verdict, "table": tables[name], "effective_n": one.effective_n}
                for name, one in zip(parts, runs, strict=True)
            ],
            joining,
        )
        for runs in zip(*parts.values(), strict=True)
    ]
