"""What `make simulate` found in simulations (benchmarks/coverage.csv and errors.csv), in short tables for a reader.

Frames hold these two files, with truths as text; benchmarks/README.md explains their columns. Runs are drawn at the
sizes of one province, the first of params.yaml when the files were made.
"""

from typing import Any

import pandas as pd

from chanjiao.claims import CONTRADICTED, SUPPORTED

GOAL = (0.93, 0.97)  # coverage that a nominal 95 % interval should have
ALLOWANCE = 2  # standard errors of a simulated share that are put down to the number of runs
ALIKE = 0.3  # the real pages hold hardly more than one event, so that events of a page are alike at most so much
PRINTED, COMPARISON = "printed", "comparison"
FULL, NO_BIAS, ALONE = "full rule", "without bias analysis", "interval alone"
FOR, AGAINST = "truth for the claim", "truth against it"
TWICE = {"C4": ("C4.1", "C4.2")}  # one estimator for two indicators, simulated once
NAMES = {"ac1": "AC1", "alpha": "Krippendorff's alpha", "kappa": "Cohen's kappa"}


def short(coverage: pd.DataFrame) -> pd.Series:
    """Return whether each scenario covers less than GOAL asks, by more than the runs leave open."""
    return coverage["coverage"] + ALLOWANCE * coverage["error"] < GOAL[0]


def wide(coverage: pd.DataFrame) -> pd.Series:
    """Return whether each scenario covers more than GOAL asks, by more than the runs leave open."""
    return coverage["coverage"] - ALLOWANCE * coverage["error"] > GOAL[1]


def lowest_by_indicator(coverage: pd.DataFrame) -> dict[str, float]:
    """Return the lowest simulated coverage of each printed estimate, by indicator (C1.1 …) or name.

    Scenarios in which the events of a page are more alike than ALIKE are left out: too few real pages hold several
    events for that to matter. They stay in the tables.
    """
    used = coverage[coverage["role"].eq(PRINTED) & coverage["intraclass"].le(ALIKE)]
    lowest = used.groupby("indicator", sort=False)["coverage"].min()
    return {name: float(value) for key, value in lowest.items() for name in TWICE.get(str(key), (str(key),))}


def coverage_counts(coverage: pd.DataFrame) -> dict[str, float | int]:
    """Return what the paper says of the printed intervals, by name.

    coverage_scenarios, coverage_runs (in all), coverage_outside (scenarios that miss GOAL), coverage_short and
    coverage_wide (which way), coverage_lowest, coverage_highest.
    """
    used = coverage[coverage["role"].eq(PRINTED)]
    below, above = int(short(used).sum()), int(wide(used).sum())
    return {
        "coverage_scenarios": len(used),
        "coverage_runs": int(used["runs"].sum()),
        "coverage_outside": below + above,
        "coverage_short": below,
        "coverage_wide": above,
        "coverage_lowest": float(used["coverage"].min()),
        "coverage_highest": float(used["coverage"].max()),
    }


def coverage_table(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return one row a printed estimate, then one for each interval shown for comparison, columns for a reader."""
    used, other = (coverage[coverage["role"].eq(role)] for role in (PRINTED, COMPARISON))
    parts = [part for _, part in used.groupby("indicator", sort=False)]
    parts += [part for _, part in other.groupby(["indicator", "method"], sort=False)]
    return pd.DataFrame([_coverage_row(part) for part in parts])


def _coverage_row(part: pd.DataFrame) -> dict[str, Any]:
    first = part.iloc[0]
    only = "" if first["role"] == PRINTED else ", for comparison"
    return {
        "Estimate": " and ".join(TWICE.get(first["indicator"], (NAMES.get(first["indicator"], first["indicator"]),))),
        "Interval": f"{first['method']}{only}",
        "n": " or ".join(map(str, part["n"].unique())),
        "Situations": len(part),
        "Lowest": _percent(part["coverage"].min()),
        "Mean": _percent(part["coverage"].mean()),
        "Highest": _percent(part["coverage"].max()),
        "Outside": _outside(part),
    }


def _outside(part: pd.DataFrame) -> str:
    """How many situations miss the goal on which side, and why where the scenarios say it."""
    counts = {"too short": int(short(part).sum()), "too wide": int(wide(part).sum())}
    words = ", ".join(f"{count} {side}" for side, count in counts.items() if count)
    reasons = "; ".join(part.loc[short(part) | wide(part), "note"].dropna().unique())
    return f"{words}: {reasons}" if words and reasons else words or "none"


def error_counts(errors: pd.DataFrame) -> dict[str, float | int]:
    """Return what the paper says of wrong verdicts, by name, each the highest share of runs over its scenarios.

    error_highest (full rule, indicators and claims, all marks visible), error_alone (the same by the interval alone),
    error_hidden and error_hidden_unguarded (marks hidden, with and without the bias analysis), error_silent and
    error_silent_unguarded (colleges with high shares publish rather than others); error_scenarios counts all of them.
    """
    hidden, silent, full = _hidden(errors), _silent(errors), errors["analysis"].eq(FULL)
    kinds = {
        "highest": full & ~hidden & ~silent,
        "alone": errors["analysis"].eq(ALONE),
        "hidden": full & hidden,
        "hidden_unguarded": hidden & ~full,
        "silent": full & silent,
        "silent_unguarded": silent & ~full,
    }
    highest = {f"error_{name}": float(errors.loc[rows, "wrong"].max()) for name, rows in kinds.items()}
    return {"error_scenarios": len(errors), **highest}


def error_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return one row an indicator, then a claim: how often it is judged rightly, and at most wrongly."""
    usual = errors[~_hidden(errors) & ~_silent(errors)]
    return pd.DataFrame([_error_row(str(name), part) for name, part in usual.groupby("indicator", sort=False)])


def _error_row(name: str, part: pd.DataFrame) -> dict[str, Any]:
    full, alone = part[part["analysis"].eq(FULL)], part[part["analysis"].eq(ALONE)]
    places = full.set_index("place")
    return {
        "Indicator or claim": name,
        "Truth for the claim": places.at[FOR, "truth"],
        "Found supported": _percent(float(places[SUPPORTED][FOR])),
        "Truth against it": places.at[AGAINST, "truth"],
        "Found contradicted": _percent(float(places[CONTRADICTED][AGAINST])),
        "Wrong at most": _percent(full["wrong"].max()),
        "By the interval alone": _percent(alone["wrong"].max()) if len(alone) else None,
    }


def measurement_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return how often hidden marks and silent colleges lead to a wrong verdict, with and without the bias analysis."""
    used = errors[_hidden(errors) | _silent(errors)]
    shown = used.pivot(index=["indicator", "truth", "place"], columns="analysis", values="wrong").reset_index()
    return pd.DataFrame(
        {
            "Indicator": shown["indicator"],
            "True share": shown["truth"],
            "What is seen": shown["place"],
            "Wrong without bias analysis": shown[NO_BIAS].map(_percent),
            "Wrong by the full rule": shown[FULL].map(_percent),
        }
    )


def _hidden(errors: pd.DataFrame) -> pd.Series:
    return errors["place"].str.contains("visible")


def _silent(errors: pd.DataFrame) -> pd.Series:
    return errors["place"].str.contains("publish")


def _percent(share: float) -> str:
    return f"{share:.1%}"
