"""The verdict engine: estimates and the rules of claims.yaml in, verdicts out. Pure functions.

A verdict on an indicator is `supported`, `contradicted`, `undecided` or `insufficient data`; a claim can also be
`leaning supported`, `leaning contradicted` or `mixed`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from chanjiao.statistics import Estimate

SUPPORTED, CONTRADICTED = "supported", "contradicted"
UNDECIDED, INSUFFICIENT, MIXED = "undecided", "insufficient data", "mixed"
BOUNDS = {"lower": 0, "upper": 1}
# What keeps an indicator from a verdict; the `obstacle` of a judged indicator, None where it is decided.
MINIMUM, NO_INTERVAL, INTERVAL, VARIANTS, BIAS = "minimum", "no interval", "interval", "variants", "bias"
COUNTS = {
    "n": ("unit", ""),
    "clusters": ("cluster", ""),
    "n_other": ("unit", " elsewhere"),
    "clusters_other": ("cluster", " elsewhere"),
}

Rule = Mapping[str, Any]


def load_claims(path: Path) -> dict[str, Any]:
    """Read claims.yaml: joining, sensitivity, claims, remedies and directions."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def indicator_rules(claims: Mapping[str, Any]) -> dict[str, Rule]:
    """All indicator rules of claims.yaml by id (`C1.1`), in order."""
    return {name: rule for claim in claims["claims"].values() for name, rule in claim["indicators"].items()}


def decide(rule: Rule, interval: tuple[float, float] | None, scale: float = 1.0) -> str:
    """Compare an interval with the thresholds of a rule; `scale` multiplies every threshold (sensitivity analysis)."""
    if interval is None:
        return UNDECIDED
    for verdict in (SUPPORTED, CONTRADICTED):
        if _holds(rule.get(f"{verdict}_when"), interval, scale):
            return verdict
    return UNDECIDED


def threshold(condition: Rule) -> float:
    """The number that a condition of a rule compares with, whether it asks for a bound below or above it."""
    return condition["below"] if "below" in condition else condition["above"]


def limits(rule: Rule) -> dict[str, float]:
    """The thresholds of a rule by the side on which an interval must lie to decide: {"below": 0.25, "above": 0.5}."""
    conditions = [rule[name] for name in ("supported_when", "contradicted_when") if rule.get(name)]
    return {"below" if "below" in condition else "above": threshold(condition) for condition in conditions}


def _holds(condition: Rule | None, interval: tuple[float, float], scale: float) -> bool:
    if condition is None:
        return False
    bound = interval[BOUNDS[condition["bound"]]]
    limit = threshold(condition) * scale
    return bound < limit if "below" in condition else bound > limit


def counted(number: int, count: str) -> str:
    """A count of an estimate in words: `counted(3, "n_other")` is "3 units elsewhere"."""
    noun, where = COUNTS[count]
    return f"{number} {noun}{'' if number == 1 else 's'}{where}"


def shortfall(rule: Rule, estimate: Estimate | None) -> str | None:
    """What is lacking for the rule's minimum, in words; None if nothing is."""
    if estimate is None:
        return "no notebook recorded this indicator"
    for count, needed in rule["minimum"].items():
        there = getattr(estimate, count) or 0
        if there < needed:
            return f"{counted(there, count)} in {rule['table']}.csv, the rule needs {needed}"
    return None


def judge_indicator(
    rule: Rule, estimate: Estimate | None, variants: Mapping[str, Estimate | None], joining: Rule, scale: float = 1.0
) -> dict[str, Any]:
    """Judge one indicator: its verdict, the obstacle to a decision and the reason in words (both None if decided).

    `variants` holds the estimates that must agree (the rule's `holds_under`). Order of the steps: minimum, thresholds,
    variants, bias analysis; each can only take a decision away. Where the interval reaches over a threshold the reason
    adds what the sample could have found (see the module `power`).
    """
    lacking = shortfall(rule, estimate)
    if lacking or estimate is None:
        return {"verdict": INSUFFICIENT, "obstacle": MINIMUM, "reason": lacking}
    if estimate.value is None or estimate.interval is None:
        return _undecided(NO_INTERVAL, estimate.reason or "there is no interval")
    verdict = decide(rule, estimate.interval, scale)
    if verdict == UNDECIDED:
        return _undecided(INTERVAL, f"the interval reaches over the threshold; {detectable_in_words(rule, estimate)}")
    if unstable := _unstable(rule, verdict, variants, scale):
        return _undecided(VARIANTS, unstable)
    if unsafe := _unsafe(rule, verdict, estimate, joining):
        return _undecided(BIAS, unsafe)
    return {"verdict": verdict, "obstacle": None, "reason": None}


def _undecided(obstacle: str, reason: str) -> dict[str, Any]:
    return {"verdict": UNDECIDED, "obstacle": obstacle, "reason": reason}


def detectable_in_words(rule: Rule, estimate: Estimate) -> str:
    """What the sample of an estimate could have found: "a true value of at most 6% would have been found …".

    Rounded away from the threshold, so that the sentence stays true.
    """
    ends = [
        f"{words} {_in_words(away(value, down), rule['unit'])}"
        for words, value, down in (
            ("at most", estimate.detectable_below, True),
            ("at least", estimate.detectable_above, False),
        )
        if value is not None
    ]
    subject = f"a true value of {' or '.join(ends)}" if ends else "no true value"
    return f"{subject} would have been found with 80% power"


def away(value: float, down: bool) -> float:
    """A detectable value with two digits, rounded away from its threshold: down below it, up above it."""
    # Rounded to six digits first: what rounding errors add must not count as a further step.
    steps = round(100 * value, 6)
    return (math.floor(steps) if down else math.ceil(steps)) / 100


def _in_words(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "share" else f"{value:.2f}".replace("-", "−")


def _unstable(rule: Rule, verdict: str, variants: Mapping[str, Estimate | None], scale: float) -> str | None:
    for name in rule["holds_under"]:
        variant = variants.get(name)
        if variant is None or decide(rule, variant.interval, scale) != verdict:
            return f"not the same under the variant “{name}”"
    return None


def _unsafe(rule: Rule, verdict: str, estimate: Estimate, joining: Rule) -> str | None:
    """Why a verdict in the unsafe direction does not stand; None if it is safe or its bias analysis carries it."""
    if rule["safe_direction"] in ("both", verdict):
        return None
    if rule.get("bias") == "misclassification":
        if estimate.tipping is None:
            return "an unsafe direction without its bias analysis"
        if estimate.tipping > joining["sensitivity_ceiling"]:
            return f"falls if only {estimate.tipping:.0%} of the marks were visible"
        return None
    if estimate.publishing is None:
        return "an unsafe direction without its bias analysis"
    if estimate.publishing < joining["publishing_floor"]:
        return f"only {estimate.publishing:.0%} of the colleges publish a figure"
    return None


def join(indicators: Sequence[Mapping[str, Any]], joining: Rule) -> str:
    """The verdict on a claim from its judged indicators, in any order.

    Each has verdict, table and effective_n. A full verdict needs decided indicators of two tables, each resting on
    enough effective units; fewer only lean.
    """
    decided = [indicator for indicator in indicators if indicator["verdict"] in (SUPPORTED, CONTRADICTED)]
    directions = {indicator["verdict"] for indicator in decided}
    if all(indicator["verdict"] == INSUFFICIENT for indicator in indicators):
        return INSUFFICIENT
    if not decided:
        return UNDECIDED
    if len(directions) == 2:
        return MIXED
    solid = {indicator["table"] for indicator in decided if (indicator["effective_n"] or 0) >= joining["effective_n"]}
    direction = directions.pop()
    return direction if len(solid) >= joining["tables"] else f"leaning {direction}"


def judge_claim(
    claim: Rule, estimates: Mapping[str, Estimate | None], joining: Rule, scale: float = 1.0
) -> dict[str, Any]:
    """Judge a claim of claims.yaml: {"verdict", "indicators": [...]}.

    `estimates` maps KEY and KEY.VARIANT to estimates.
    """
    indicators = [_judged(name, rule, estimates, joining, scale) for name, rule in sorted(claim["indicators"].items())]
    return {"verdict": join(indicators, joining), "indicators": indicators}


def _judged(
    name: str, rule: Rule, estimates: Mapping[str, Estimate | None], joining: Rule, scale: float
) -> dict[str, Any]:
    key = rule["key"]
    estimate = estimates.get(key)
    variants = {variant: estimates.get(f"{key}.{variant}") for variant in rule["holds_under"]}
    shown = estimate or Estimate.missing(rule["unit"], 0, "not recorded")
    return {
        "id": name,
        "key": key,
        "meaning": rule["meaning"],
        "table": rule["table"],
        "unit": rule["unit"],
        **_reading(shown),
        "n": shown.n,
        "clusters": shown.clusters,
        "effective_n": shown.effective_n,
        "n_other": shown.n_other,
        "clusters_other": shown.clusters_other,
        "tipping": shown.tipping,
        "publishing": shown.publishing,
        "detectable_below": shown.detectable_below,
        "detectable_above": shown.detectable_above,
        "variants": {name: _reading(variant) for name, variant in variants.items() if variant},
        **judge_indicator(rule, estimate, variants, joining, scale),
    }


def _reading(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": list(estimate.interval) if estimate.interval else None}
