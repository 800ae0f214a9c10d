"""The paper in a browser, on a desk and on a phone: nothing sticks out, nothing is missing, every link arrives."""

from pathlib import Path

import pytest
from chromium import SIZES, Browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PAGES = ["index.html", *(f"notebooks/{path.stem}.html" for path in sorted(NOTEBOOKS.glob("*.ipynb")))]
PAGES += [f"evidence/{name}.html" for name in ("index", "programmes", "codebook_cooperation")]
LARGE = [f"evidence/{name}.html" for name in ("province_statistics", "cooperation_codes", "sources")]

STICKING_OUT = """[...document.querySelectorAll("body *")].filter(element => {
    if (element.getBoundingClientRect().right <= document.documentElement.clientWidth + 1) return false;
    for (let parent = element.parentElement; parent; parent = parent.parentElement)
        if (getComputedStyle(parent).overflowX != "visible") return false;
    return true;
}).map(element => element.outerHTML.slice(0, 80)).slice(0, 3)"""
PICTURES_MISSING = "[...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
NUMBER_LINKS = """[...document.querySelectorAll("a.num")].map(link => link.getAttribute("href").split("#"))"""
CHINESE = r"""(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = new Set();
    while (walker.nextNode())
        if (/\p{Script=Han}/u.test(walker.currentNode.data)) found.add(walker.currentNode.parentElement);
    [...found].forEach((element, place) => element.dataset.chinese = place);
    return found.size;
})()"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", PAGES + LARGE)
def test_a_page_fits_its_window_and_misses_nothing(page: Path, browser: Browser, place: str, size: str) -> None:
    browser.open(page.parent / place, size)
    assert browser.ask("window.innerWidth") == SIZES[size][0], browser.ask(STICKING_OUT)
    assert browser.ask("document.documentElement.scrollWidth <= window.innerWidth"), browser.ask(STICKING_OUT)
    assert browser.ask(PICTURES_MISSING) == []
    assert browser.complaints() == []


def test_what_is_too_wide_scrolls_in_its_place_and_keeps_its_caption(page: Path, browser: Browser) -> None:
    browser.open(page, "phone")
    script = """[...document.querySelectorAll(".scroll, figure")].map(place => {
        place.scrollLeft = 9999;
        const caption = place.querySelector("caption, figcaption").getBoundingClientRect();
        return [place.id || place.querySelector("table").id, place.scrollLeft, caption.left, caption.right];
    })"""
    places = browser.ask(script)
    assert places
    for label, scrolled, left, right in places:
        assert scrolled > 0 and left >= 0 and right <= SIZES["phone"][0], label


@pytest.mark.parametrize("place", PAGES)
def test_chinese_is_drawn_with_the_font_of_the_folder(page: Path, browser: Browser, place: str) -> None:
    browser.open(page.parent / place, "desk")
    elements = browser.ask(CHINESE)
    browser.send("DOM.enable")
    browser.send("CSS.enable")
    root = browser.send("DOM.getDocument")["root"]["nodeId"]
    for number in range(elements):
        selector = f'[data-chinese="{number}"]'
        node = browser.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        fonts = browser.send("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]
        drawn = any(font["familyName"] == "Noto Sans SC" and font["isCustomFont"] for font in fonts)
        assert drawn, browser.ask(f"document.querySelector({selector!r}).outerHTML")
    if elements:
        assert browser.ask("""document.fonts.check('16px "Noto Sans SC"', '产')""")


def test_every_number_leads_to_a_cell_of_its_notebook(page: Path, browser: Browser) -> None:
    browser.open(page, "desk")
    links = browser.ask(NUMBER_LINKS)
    assert len(links) > 100
    for address in sorted({address for address, _ in links}):
        browser.open(page.parent / address, "desk")
        for anchor in sorted({anchor for other, anchor in links if other == address}):
            assert browser.ask(f'!!document.getElementById("{anchor}")'), f"{address}#{anchor}"


def test_a_click_on_a_number_opens_the_cell_and_the_way_back(page: Path, browser: Browser) -> None:
    browser.open(page, "desk")
    address, anchor = browser.ask(NUMBER_LINKS)[0]
    browser.follow("a.num")
    assert browser.ask("location.pathname").endswith(address)
    assert browser.ask("""document.querySelector(":target").id""") == anchor
    browser.follow(".back a")
    assert browser.ask("location.pathname").endswith("/index.html")
