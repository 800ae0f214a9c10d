"""The rendered folder by itself: everything it refers to is in it, and nothing in it tells where it was made."""

import re
import socket
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from fontTools.ttLib import TTFont

from chanjiao.font import CHINESE
from chanjiao.render import render

LINKS = {("a", "href")}  # all else that has an address is loaded with the page
ADDRESSES = {"href", "src", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """Anchors of a page, the addresses it links to and those it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.without_alternative: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag names."""
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.anchors += [given["id"]] if "id" in given else []
        for name in ADDRESSES & given.keys():
            (self.links if (tag, name) in LINKS else self.loaded).append(given[name])
        if tag == "img" and not given.get("alt"):
            self.without_alternative.append(given.get("src", ""))


def pages(folder: Path) -> dict[Path, Page]:
    """Every page of the folder, read."""
    return {path: Page(path) for path in sorted(folder.rglob("*.html"))}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def folder(page: Path) -> Path:
    return page.parent


def test_every_address_within_the_folder_exists(folder: Path) -> None:
    read = pages(folder)
    assert len(read) > 1
    for path, page in read.items():
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file() and target.is_relative_to(folder.resolve()), f"{path.name}: {address}"
            if parts.fragment:
                assert unquote(parts.fragment) in read[target].anchors, f"{path.name}: {address}"


def test_a_page_loads_nothing_from_elsewhere(folder: Path) -> None:
    for path, page in pages(folder).items():
        assert [address for address in page.loaded if urlsplit(address).scheme] == [], path.name
        assert not page.tags & {"iframe", "object", "embed", "base"}, path.name
        assert {urlsplit(address).scheme for address in page.links} <= {"", "http", "https"}, path.name
    for style in sorted(folder.rglob("*.css")):
        addresses = re.findall(r"url\(\W*([^)\"']+)", style.read_text(encoding="utf-8"))
        assert all((style.parent / address).is_file() for address in addresses), style
    for figure in sorted(folder.rglob("*.svg")):
        drawn = figure.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|foreignObject)\b|<(?!a )[^>]*href=\"(?!#|data:)", drawn), figure.name


def test_every_anchor_is_unique_on_its_page(folder: Path) -> None:
    for path, page in pages(folder).items():
        assert sorted({name for name in page.anchors if page.anchors.count(name) > 1}) == [], path.name


def test_every_picture_is_told_in_words(folder: Path) -> None:
    for path, page in pages(folder).items():
        assert page.without_alternative == [], path.name


def test_nothing_tells_where_the_paper_was_made(folder: Path, project: Path) -> None:
    traces = [str(project), f"{Path.home()}/", f"{tempfile.gettempdir()}/", "file://", f" {socket.gethostname()} "]
    for name, content in contents(folder).items():
        found = [trace for trace in traces if trace.encode() in content]
        assert not found, f"{name}: {found}"


def test_notebook_pages_are_for_people(folder: Path) -> None:
    for path in sorted((folder / "notebooks").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert "application/vnd.chanjiao" not in text and "#|" not in re.sub(r"<[^>]+>", "", text), path.name
        assert '<a href="../index.html">' in text, path.name


def test_the_font_covers_every_chinese_character_of_the_pages(folder: Path) -> None:
    for path in sorted(folder.rglob("*.html")):
        place = folder / "evidence" if path.parent.name == "evidence" else folder
        covered = set(TTFont(place / "noto-sans-sc.woff").getBestCmap())
        wanted = {ord(character) for character in CHINESE.findall(path.read_text(encoding="utf-8"))}
        assert wanted <= covered, path.name


def test_rendering_twice_gives_the_same_bytes(folder: Path, project: Path) -> None:
    before = contents(folder)
    render(project)
    assert contents(folder) == before
