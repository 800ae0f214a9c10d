"""The pages of the evidence: every row and every link is there, and what comes from data stays text."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from chanjiao import evidence, tables

ROOT = Path(__file__).parents[2]


def copy_of_inputs(target: Path) -> Path:
    for folder in ("data/raw", "docs/codebooks", "paper/filters", "paper/style", "paper/templates"):
        shutil.copytree(ROOT / folder, target / folder)
    return target


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evidence.write(copy_of_inputs(tmp_path_factory.mktemp("evidence"))).parent


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, BeautifulSoup]:
    return {path.name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in folder.glob("*.html")}


def rows_of(page: BeautifulSoup) -> list[list[str]]:
    (table,) = page.select("table[data-rows]")
    return [[cell.get_text() for cell in row.find_all("td")] for row in table.select("tbody tr")]


def test_every_table_has_a_page_with_all_its_rows_and_its_file(folder: Path, pages: dict[str, BeautifulSoup]) -> None:
    for name, table in evidence.read(ROOT).items():
        assert len(rows_of(pages[f"{name}.html"])) == len(table.records) > 0
        assert (folder / f"{name}.csv").read_bytes() == (ROOT / "data/raw" / table.description["path"]).read_bytes()
    listed = {link["href"] for link in pages["index.html"].select("main a")}
    missing = {path.name for path in folder.iterdir()} - listed - {"font.css", "index.html", "noto-sans-sc.woff"}
    assert missing == set()


def test_cells_stand_as_in_the_file(pages: dict[str, BeautifulSoup]) -> None:
    with (ROOT / "data/raw/search_log.csv").open(encoding="utf-8", newline="") as file:
        _, *records = csv.reader(file)
    assert rows_of(pages["search_log.html"]) == records


def test_every_link_within_the_folder_leads_somewhere(folder: Path, pages: dict[str, BeautifulSoup]) -> None:
    from urllib.parse import unquote

    anchors = {name: {element["id"] for element in page.select("[id]")} for name, page in pages.items()}
    inside = [
        (name, *unquote(link["href"]).partition("#")[::2])
        for name, page in pages.items()
        for link in page.select("a[href]")
        if not link["href"].startswith(("http://", "https://", "../"))
    ]
    assert len(inside) > 1000
    broken = [
        (name, file, anchor)
        for name, file, anchor in inside
        if not (folder / (file or name)).is_file() or (anchor and anchor not in anchors[file or name])
    ]
    assert broken == []


def test_anchors_are_unique(pages: dict[str, BeautifulSoup]) -> None:
    for name, page in pages.items():
        found = [element["id"] for element in page.select("[id]")]
        assert len(found) == len(set(found)), name


def test_a_row_can_be_filtered_by_its_province_and_its_own_source(pages: dict[str, BeautifulSoup]) -> None:
    data = tables.load("cooperation", "sources", "provinces", root=ROOT)
    frame = data["cooperation"].merge(data["sources"], on="source_id").merge(data["provinces"], on="province_code")
    wanted = {row["event_id"]: (row["name_en"], row["official"]) for row in frame.to_dict("records")}
    for name in ("cooperation.html", "cooperation_codes.html", "cooperation_b.html"):
        rows = pages[name].select("table[data-rows] tbody tr")
        assert {row["id"].removeprefix("row-"): (row["data-province"], row["data-official"]) for row in rows} == wanted
    assert len(set(wanted.values())) > 4


def test_codes_on_which_the_passes_differ_are_marked(pages: dict[str, BeautifulSoup]) -> None:
    for unit, key in (("provisions", "unit_id"), ("cooperation", "event_id"), ("literature", "work_id")):
        data = tables.load(f"{unit}_a", f"{unit}_b", root=ROOT)
        first, second = (data[f"{unit}_{one}"].set_index(key).astype("string").fillna("") for one in "ab")
        differ = (first != second.loc[first.index, first.columns]).to_numpy().sum()
        page = pages[f"{unit}_codes.html"]
        assert len(page.select("td.differs")) == differ > 0
        marked = [row for row in page.select("tr") if row.select(".differs")]
        assert page.select('tr[data-passes="differ"]') == marked


def test_a_unit_coded_once_says_so(tmp_path: Path) -> None:
    project = copy_of_inputs(tmp_path)
    path = project / "data/raw/coding/cooperation_b.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("CQE-001,")) + "\n", encoding="utf-8")
    text = (evidence.write(project).parent / "cooperation_codes.html").read_text(encoding="utf-8")
    (row,) = BeautifulSoup(text, "html.parser").select("#row-CQE-001")
    assert all(cell.get_text().endswith("(one pass)") for cell in row.find_all("td")[1:])


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '" onclick="alert(1)', "[x](javascript:alert(1))", "javascript:alert(1)", "</td>"],
)
def test_what_comes_from_data_is_shown_as_text(tmp_path: Path, hostile: str) -> None:
    project = copy_of_inputs(tmp_path)
    for name, columns in (("sources", ["url", "title"]), ("cooperation", ["note", "partner_zh"])):
        path = project / f"data/raw/{name}.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame.loc[0, columns] = hostile
        frame.to_csv(path, index=False, lineterminator="\n")
    folder = evidence.write(project).parent
    for name in ("sources", "cooperation"):
        page = BeautifulSoup((folder / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        assert [script.get("src") for script in page.select("script")] == ["../table.js"]
        assert not page.select("[onclick]")
        assert all(link["href"].partition(":")[0] != "javascript" for link in page.select("a[href]"))
        assert sum(hostile == cell for cell in rows_of(page)[0]) == 2


@pytest.mark.parametrize("text", ["https://www.moe.gov.cn/a?b=1#c", "http://example.org"])
def test_addresses_of_the_web_become_links(text: str) -> None:
    assert evidence.is_web_address(text)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "//example.org", "http://[broken", "http:", ""]
)
def test_nothing_else_becomes_a_link(text: str) -> None:
    assert not evidence.is_web_address(text)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    project = copy_of_inputs(tmp_path)
    index = evidence.write(project)
    before = index.read_bytes()
    (project / "paper/templates/index.html").unlink()
    with pytest.raises(Exception, match=r"index\.html"):
        evidence.write(project)
    assert index.read_bytes() == before


def test_the_same_tables_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = evidence.write(copy_of_inputs(tmp_path)).parent
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
