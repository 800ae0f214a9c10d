"""With one coding pass missing every room still runs to its end, and what then cannot be known says why."""

import json
from pathlib import Path

import pytest
from runs import clone, command

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("room", "province"), [("coding", "00"), ("mechanism", "50")])
def test_a_room_runs_without_the_second_pass(snapshot: Path, tmp_path: Path, room: str, province: str) -> None:
    folder = clone(snapshot, tmp_path / "project")
    for table in (folder / "data/raw/coding").glob("*_b.csv"):
        header = table.read_text(encoding="utf-8").splitlines(keepends=True)[0]
        table.write_text(header, encoding="utf-8", newline="\n")
    for words in (["check"], ["run", room]):
        done = command(folder, "python", "-m", "chanjiao", *words, PYTHONPATH=str(folder / "src"))
        assert done.returncode == 0, done.stdout + done.stderr
    written = folder / f"data/processed/{room}/{province}/results.json"
    kept = json.loads(written.read_text(encoding="utf-8"))["results"]
    assert all(result["reason"] for result in kept.values() if result["value"] is None)
    if room == "coding":
        assert kept["coding.cooperation_form_kappa"]["value"] is None
        assert kept["coding.cooperation_coded_once"]["value"] > 0
    else:
        assert kept["mechanism.c2_1"]["value"] == kept["mechanism.c2_1.pass_a"]["value"]
