"""The row-flow of a table: rows in, dropped and why, rows used."""

import pandas as pd


class RowFlow:
    """Filters a table step by step and accounts for every row it drops.

    >>> flow = RowFlow("cooperation", pd.DataFrame({"signed": ["yes", "no"]}))
    >>> len(flow.keep(flow.frame["signed"].eq("yes"), "not signed"))
    1
    """

    def __init__(self, table: str, frame: pd.DataFrame) -> None:
        self.table = table
        self.frame = frame
        self._steps: list[tuple[str, int, int, int]] = [("rows in the table", len(frame), 0, len(frame))]

    def keep(self, mask: pd.Series, why: str) -> pd.DataFrame:
        """Keep the rows where `mask` is true; `why` says what is wrong with the dropped ones. Returns the rest."""
        kept = self.frame[mask.fillna(False).astype(bool)]
        self._steps.append((why, len(self.frame), len(self.frame) - len(kept), len(kept)))
        self.frame = kept
        return kept

    def account(self) -> pd.DataFrame:
        """One row a step: table, step, rows_in, dropped, rows_used."""
        steps = pd.DataFrame(self._steps, columns=["step", "rows_in", "dropped", "rows_used"])
        steps.insert(0, "table", self.table)
        return steps
