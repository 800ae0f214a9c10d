"""Progress: plain lines in a log, a bar at a terminal, and what is expected from past runs."""

import io
import sys

import pytest

from chanjiao import progress
from chanjiao.progress import Progress

EXPECTED = {("mechanism", "50"): 10.0, ("mechanism", "51"): 6.0, ("cases", "50"): None}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_for_each_notebook(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(EXPECTED, workers=2)
    clock[0] += 4
    shown.finished("mechanism", "51", "4/9", None, failed=False)
    clock[0] += 8
    shown.finished("mechanism", "50", "4/9", 12.0, failed=False)
    shown.finished("cases", "50", "6/9", 1.0, failed=True)
    shown.close()
    assert capsys.readouterr().out.splitlines() == [
        "[4/9 mechanism] province 51 (1 of 3) computed before; 4 s so far",
        "[4/9 mechanism] province 50 (2 of 3) done in 12.0 s; 12 s so far, about 6 s to go",
        "[6/9 cases] province 50 (3 of 3) failed after 1.0 s; 12 s so far",
    ]


def test_past_runs_say_how_long_it_takes(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress({key: seconds for key, seconds in EXPECTED.items() if seconds}, workers=1)
    shown.finished("mechanism", "50", "4/9", 9.0, failed=False)
    assert capsys.readouterr().out.endswith("0 s so far, about 6 s to go\n")


def test_people_get_a_bar(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    shown = Progress({("cases", "50"): 3.0}, workers=1)
    shown.finished("cases", "50", "6/9", 2.0, failed=False)
    shown.close()
    assert "[6/9 cases] 50" in screen.getvalue() and "1 of 1, 0 s so far" in screen.getvalue()
    assert "province" not in screen.getvalue()
