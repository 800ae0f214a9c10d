"""Tables of evidence in a browser: search, filters and sorting."""

from pathlib import Path
from typing import Any

import pytest
from chromium import Browser

SHOWN = "[...document.querySelectorAll('table[data-rows] tbody tr')].filter(row => !row.hidden)"
TOLD = "document.querySelector('.controls output').value"


@pytest.fixture
def events(page: Path, browser: Browser) -> Browser:
    browser.open(page.parent / "evidence/cooperation.html", "desk")
    return browser


def ids(browser: Browser) -> list[str]:
    found: list[str] = browser.ask(f"{SHOWN}.map(row => row.id)")
    return found


def enter(browser: Browser, name: str, value: str) -> None:
    """Give a control a value as a reader would, with the event that this causes."""
    browser.ask(f"""(() => {{
        const control = document.forms[0].elements.{name};
        control.value = {value!r};
        control.dispatchEvent(new Event("input", {{bubbles: true}}));
    }})()""")


def column(browser: Browser, number: int) -> list[str]:
    found: list[str] = browser.ask(f"{SHOWN}.map(row => row.cells[{number}].textContent)")
    return found


def press(browser: Browser, number: int) -> Any:
    """Press the head of a column; returns how the table says it is sorted."""
    return browser.ask(f"""(() => {{
        const head = document.querySelectorAll("table[data-rows] th")[{number}];
        head.querySelector("button").click();
        return head.getAttribute("aria-sort");
    }})()""")


def test_all_rows_are_shown_at_first(events: Browser) -> None:
    assert len(ids(events)) == 176 and events.ask(TOLD) == "176 of 176 rows"


def test_a_search_keeps_the_rows_that_hold_the_words(events: Browser) -> None:
    enter(events, "search", " cqe-01")
    assert ids(events) == [f"row-CQE-01{number}" for number in range(10)]
    assert events.ask(TOLD) == "10 of 176 rows"
    enter(events, "search", "")
    assert len(ids(events)) == 176


def test_filters_and_search_are_joined(events: Browser) -> None:
    enter(events, "province", "Sichuan")
    assert ids(events) and all(name.startswith("row-SCE-") for name in ids(events))
    everywhere = len(ids(events))
    enter(events, "official", "yes")
    assert 0 < len(ids(events)) < everywhere
    assert set(events.ask(f"{SHOWN}.map(row => row.dataset.official)")) == {"yes"}
    enter(events, "search", "no such words")
    assert ids(events) == [] and events.ask(TOLD) == "0 of 176 rows"


def test_a_column_is_sorted_up_and_down_with_empty_cells_last(events: Browser) -> None:
    heads = events.ask("[...document.querySelectorAll('table[data-rows] th')].map(head => head.textContent)")
    number = heads.index("Number of partners")
    assert press(events, number) == "ascending"
    up = column(events, number)
    known = [int(text) for text in up if text]
    assert known == sorted(known) and len(set(known)) > 5 and up[len(known) :] == [""] * (176 - len(known))
    assert press(events, number) == "descending"
    down = column(events, number)
    assert [int(text) for text in down if text] == sorted(known, reverse=True) and down[-1] == ""
    assert press(events, 0) == "ascending"
    assert events.ask("document.querySelectorAll('th[aria-sort]').length") == 1


def test_disagreements_can_be_picked_out(page: Path, browser: Browser) -> None:
    browser.open(page.parent / "evidence/cooperation_codes.html", "desk")
    enter(browser, "passes", "differ")
    assert 0 < len(ids(browser)) < 176
    assert browser.ask(f"{SHOWN}.every(row => row.querySelector('.differs'))")


def test_a_link_to_a_row_brings_it_into_view(page: Path, browser: Browser) -> None:
    browser.open(page.parent / "evidence/cooperation.html", "desk")
    browser.ask("location.hash = '#row-ZJE-010'")
    place = browser.ask("""(() => {
        const row = document.querySelector(":target").getBoundingClientRect();
        const head = document.querySelector("table[data-rows] thead").getBoundingClientRect();
        return [document.querySelector(":target").id, row.top, head.bottom, window.innerHeight];
    })()""")
    assert place[0] == "row-ZJE-010" and place[2] - 1 <= place[1] < place[3]
