"""What past runs left: how long they took and what they saw; it may be damaged or deleted without harm."""

from pathlib import Path

import pytest

from chanjiao import history
from chanjiao.history import Run
from chanjiao.pipeline import sha256


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("one")
    (tmp_path / "b.csv").write_text("two")
    return tmp_path


def test_seconds_and_inputs_of_the_last_run_are_remembered(root: Path) -> None:
    history.remember(root, "mechanism", {"50": 8.25, "51": 2}, ["a.csv", "b.csv"])
    (root / "a.csv").write_text("changed")
    history.remember(root, "mechanism", {"51": 3}, ["a.csv"])
    run = history.read(root)["mechanism"]
    assert run == Run({"50": 8.2, "51": 3}, {"a.csv": sha256(root / "a.csv")})


def test_an_input_is_given_back_as_the_run_saw_it_as_long_as_a_stage_needs_it(root: Path) -> None:
    history.remember(root, "mechanism", {}, ["a.csv"])
    history.remember(root, "cases", {}, ["a.csv", "b.csv"])
    (root / "a.csv").write_text("changed")
    assert history.former(root, history.read(root)["mechanism"], "a.csv") == b"one"
    assert history.former(root, history.read(root)["mechanism"], "b.csv") is None
    assert history.former(root, history.read(root)["cases"], "b.csv") == b"two"
    history.remember(root, "mechanism", {}, ["a.csv"])
    history.remember(root, "cases", {}, ["a.csv"])
    assert [path.read_text() for path in (root / history.INPUTS).iterdir()] == ["changed"]


def test_a_large_input_is_known_by_its_fingerprint_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LARGEST", 2)
    history.remember(root, "mechanism", {}, ["a.csv"])
    assert history.read(root)["mechanism"].inputs["a.csv"] == sha256(root / "a.csv")
    assert history.former(root, history.read(root)["mechanism"], "a.csv") is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"mechanism": 1}', '{"mechanism": {"speed": 1}}'])
def test_a_damaged_record_counts_as_none(root: Path, damage: str) -> None:
    history.remember(root, "mechanism", {}, ["a.csv"])
    (root / history.RUNS).write_text(damage)
    assert history.read(root) == {}
    history.remember(root, "mechanism", {"50": 1}, ["a.csv"])
    assert history.read(root)["mechanism"].seconds == {"50": 1}
