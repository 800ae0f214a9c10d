"""Mending a `dvc.lock` that a killed run left behind."""

from pathlib import Path

import pytest

from chanjiao.lockfile import mend

WHOLE = """schema: '2.0'
stages:
  check:
    cmd: python -m chanjiao check
    deps:
    - path: data/raw
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 10
      nfiles: 2
"""


def test_a_whole_lock_file_stays(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(WHOLE)
    assert mend(tmp_path) is None
    assert (tmp_path / "dvc.lock").read_text() == WHOLE


def test_a_project_never_run_needs_no_mending(tmp_path: Path) -> None:
    assert mend(tmp_path) is None


@pytest.mark.parametrize("end", [0, 5, 30, WHOLE.index("deps") + 4, WHOLE.index("size") + 2])
def test_a_cut_lock_file_is_removed_and_the_reader_told(tmp_path: Path, end: int) -> None:
    (tmp_path / "dvc.lock").write_text(WHOLE[:end])
    message = mend(tmp_path)
    assert message and message.startswith("dvc.lock was cut")
    assert not (tmp_path / "dvc.lock").exists()
