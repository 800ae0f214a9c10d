"""The font that comes with the pages."""

from pathlib import Path

from fontTools.ttLib import TTFont

from chanjiao import font


def font_of(folder: Path, *pages: str) -> bytes:
    """The bytes of the font for some pages."""
    font.write(pages, folder)
    return (folder / "noto-sans-sc.woff").read_bytes()


def test_the_font_holds_only_the_characters_of_the_pages(tmp_path: Path) -> None:
    font_of(tmp_path, "<p>双师型（教师）</p>", "<p>Latin 产教融合, 产教。</p>")
    covered = TTFont(tmp_path / "noto-sans-sc.woff").getBestCmap()
    assert {chr(code) for code in covered} == set("双师型（教师）产融合。")


def test_the_font_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    first = font_of(tmp_path, "产教融合")
    assert font_of(tmp_path, "合融教产") == first != font_of(tmp_path, "产教")


def test_pages_without_chinese_get_a_font_without_characters(tmp_path: Path) -> None:
    font_of(tmp_path, "Only Latin.")
    assert not TTFont(tmp_path / "noto-sans-sc.woff").getBestCmap()
