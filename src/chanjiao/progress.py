"""Progress of many notebooks: a bar for people at a terminal, a plain line each in a log."""

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm


class Progress:
    """Counts finished notebooks and says how long it took and, from past runs, will take.

    `expected` holds the seconds of each notebook by (room, province), None where it was never run.
    """

    def __init__(self, expected: Mapping[tuple[str, str], float | None], workers: int) -> None:
        self._waiting, self._total, self._workers = dict(expected), len(expected), workers
        self._started, self._taken = time.monotonic(), list[float]()
        form = "{desc}{bar} {n_fmt} of {total_fmt}{postfix}"
        self._bar = tqdm(total=self._total, file=sys.stdout, bar_format=form, disable=not sys.stdout.isatty())

    def finished(self, room: str, province: str, place: str, seconds: float | None, failed: bool) -> None:
        """Tell that a notebook is done: after `seconds`, or without execution if None."""
        del self._waiting[room, province]
        if seconds is not None:
            self._taken.append(seconds)
        if self._bar.disable:
            number = f"{self._total - len(self._waiting)} of {self._total}"
            ending = _ending(seconds, failed)
            print(f"[{place} {room}] province {province} ({number}) {ending}{self._outlook()}", flush=True)
        else:
            self._bar.set_description_str(f"[{place} {room}] {province} ")
            self._bar.set_postfix_str(self._outlook().lstrip("; "), refresh=False)
            self._bar.update()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def _outlook(self) -> str:
        so_far = f"; {time.monotonic() - self._started:.0f} s so far"
        rest = self._rest()
        return f"{so_far}, about {rest:.0f} s to go" if self._waiting and rest is not None else so_far

    def _rest(self) -> float | None:
        # A notebook that was never run is expected to take as long as those of this run on average.
        average = sum(self._taken) / len(self._taken) if self._taken else None
        expected = [average if seconds is None else seconds for seconds in self._waiting.values()]
        known = [seconds for seconds in expected if seconds is not None]
        return sum(known) / self._workers if len(known) == len(expected) else None


def _ending(seconds: float | None, failed: bool) -> str:
    if seconds is None:
        return "computed before"
    return f"{'failed after' if failed else 'done in'} {seconds:.1f} s"
