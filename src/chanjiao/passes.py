"""Two coding passes over the same units, and what is done where a unit is coded in one of them only."""

import pandas as pd


class UncodedUnitError(ValueError):
    """A unit is coded in neither pass."""


def completed(units: pd.Series, pass_a: pd.DataFrame, pass_b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the codes of `units` in both passes, indexed by unit, in the order of `units`.

    `units` holds the keys and bears the name of their column in the passes. A unit coded in one pass only keeps that
    pass's codes in both: the mean over the passes is then the pass there is, and so is what both or either pass gives.
    Raises UncodedUnitError where a unit is in neither pass.
    """
    first, second = pass_a.set_index(units.name), pass_b.set_index(units.name)
    _refuse_uncoded(units, first, second)
    return _filled(first, second).loc[units], _filled(second, first).loc[units]


def coded_twice(units: pd.Series, pass_a: pd.DataFrame, pass_b: pd.DataFrame) -> pd.Series:
    """Return whether each of `units` is coded in both passes; see `completed` for arguments and error."""
    first, second = pass_a.set_index(units.name), pass_b.set_index(units.name)
    _refuse_uncoded(units, first, second)
    return units.isin(first.index) & units.isin(second.index)


def _filled(codes: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([codes, other.loc[~other.index.isin(codes.index), codes.columns]])


def _refuse_uncoded(units: pd.Series, first: pd.DataFrame, second: pd.DataFrame) -> None:
    uncoded = units[~units.isin(first.index.append(second.index))]
    if len(uncoded):
        raise UncodedUnitError(
            f"{units.name} {uncoded.iloc[0]}: found no codes in either pass; expected every unit coded in one pass at "
            f"least; do code it, or take it out of its table ({len(uncoded)} such units)"
        )
