"""The look of figures: the same bytes every time, Chinese drawn, nothing hidden when there is nothing to draw."""

import base64
import io
import re
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text

from chanjiao import figures

FONT = "Noto Sans SC"
ROWS = pd.DataFrame(
    {
        "label": ["现代学徒制", "order class", "empty"],
        "value": [0.4, 0.7, np.nan],
        "low": [0.2, np.nan, np.nan],
        "high": [0.6, np.nan, np.nan],
        "n": [12, np.nan, np.nan],
        "colour": ["orange", None, np.nan],
    }
)


@pytest.fixture(autouse=True)
def no_warning_and_no_trace():
    """A missing glyph is a warning of matplotlib: it fails the test. Settings are put back afterwards."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def drawn():
    """A figure of everything the house draws: text, Chinese, minus signs, lines, a legend."""
    figure, axes = figures.new(2.0, columns=2)
    axes[0, 0].plot([-1, 0, 1], [3, 1, 2], label="产教融合 −1")
    axes[0, 0].legend()
    figures.draw_interval(axes[0, 1], 0, {"value": 0.5, "low": 0.2, "high": 0.7, "n": 9})
    axes[0, 1].set_title("双师型")
    return figure


def saved():
    """SVG and PNG, in the order in which a notebook asks for them."""
    figure = drawn()
    return figures.to_svg(figure), figures.to_png(figure)


@pytest.fixture(scope="module")
def files():
    with matplotlib.rc_context():
        return saved()


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text()]


def has_glyph(svg, character):
    """Whether the outline of a character is in the file, under its number in the font (0: the font lacks it)."""
    glyph = get_font(findfont(FONT)).get_char_index(ord(character))
    return glyph > 0 and f'id="NotoSansSC-Regular-{glyph:x}"' in svg


def test_the_same_figure_drawn_twice_has_the_same_bytes(files):
    assert saved() == files


def test_the_bytes_do_not_hang_on_what_was_asked_for_before():
    figure, axes = figures.new(2.0)
    axes[0, 0].imshow([[0, 1], [2, 3]])
    axes[0, 0].set_title("双师型")
    svg, png = figures.to_svg(figure), figures.to_png(figure)
    assert (figures.to_svg(figure), figures.to_svg(figure), figures.to_png(figure)) == (svg, svg, png)


def test_files_look_as_matplotlib_saves_them():
    expected = io.BytesIO()
    drawn().savefig(expected, format="png", dpi=figures.DPI, metadata={"Software": None})
    assert base64.b64decode(figures.to_png(drawn())) == expected.getvalue()


def test_a_title_stands_clear_of_its_axes():
    figure = drawn()
    figures.to_png(figure)
    axis = figure.axes[1]
    assert axis.title.get_window_extent().y0 > axis.get_window_extent().y1


def test_nothing_in_the_file_tells_when_or_by_what_it_was_made(files):
    svg, png = files[0], base64.b64decode(files[1])
    assert not re.search(r"dc:date|dc:creator|\b20\d\d-\d\d-\d\d", svg)
    assert not any(chunk in png for chunk in (b"tEXt", b"iTXt", b"tIME", b"Software"))


def test_svg_has_no_blanks_at_line_ends_and_one_line_feed_at_the_end(files):
    svg = files[0]
    assert svg.endswith("</svg>\n")
    assert not any(line != line.rstrip() for line in svg.split("\n"))


def test_chinese_is_drawn_as_outlines_so_that_no_reader_needs_the_font(files):
    assert all(has_glyph(files[0], character) for character in "产教融合双师型−")
    assert "<text" not in files[0]
    assert not has_glyph(files[0], "庆")


def test_text_added_after_the_figure_was_made_has_the_font_too():
    figure = drawn()
    figure.axes[0].text(0, 1, "重庆")
    figure.axes[1].set_xlabel("校企合作")
    figure.axes[1].annotate("德阳", (0.5, 0))
    assert {text.get_fontname() for text in texts(figure)} == {FONT}
    svg = figures.to_svg(figure)
    assert all(has_glyph(svg, character) for character in "重企阳")


def test_a_figure_has_the_asked_size_and_an_array_of_axes():
    figure, axes = figures.new(3.0, rows=2, columns=3, sharex=True)
    assert (figure.get_figwidth(), figure.get_figheight()) == (figures.WIDTH, 3.0)
    assert axes.shape == (2, 3)


def test_a_figure_is_not_in_the_hands_of_pyplot():
    drawn()
    assert pyplot.get_fignums() == []


def test_the_palette_is_that_of_okabe_and_ito():
    """Wong, Nature Methods 8 (2011), 441."""
    okabe_ito = {"#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"}
    assert {figures.PALETTE[name] for name in figures.CYCLE} == okabe_ito


def test_no_data_says_why():
    figure = figures.no_data("cooperation.csv has no event of province 65")
    assert texts(figure)[0].get_text() == "No data: cooperation.csv has no event of province 65"
    assert figures.to_svg(figure)


def test_an_interval_plot_has_a_line_a_row_with_the_first_on_top():
    figure = figures.interval_plot(ROWS, "share", thresholds=[0.5], limits=(0, 1), percent=True)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["现代学徒制", "order class", "empty"]
    assert list(axis.get_yticks()) == [2, 1, 0]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines if line.get_marker() == "o"]
    assert points == [(0.4, 2), (0.7, 1)]
    lines = [(tuple(line.get_xdata()), line.get_linestyle()) for line in axis.lines if line.get_marker() == "None"]
    assert lines == [((0.2, 0.6), "-"), ((0.5, 0.5), "--")]


def test_a_count_is_printed_as_a_whole_number_and_only_where_it_is_known():
    figure = figures.interval_plot(ROWS, "share")
    assert [text.get_text() for text in figure.axes[0].texts] == ["n = 12"]


def test_a_row_has_its_own_colour_or_the_ordinary_one():
    figure = figures.interval_plot(ROWS, "share")
    colours = [to_hex(line.get_color()) for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert colours == [figures.PALETTE["orange"], figures.PALETTE["blue"]]


def test_an_interval_plot_of_nothing_says_so():
    assert texts(figures.interval_plot(ROWS.iloc[:0], "share"))[0].get_text().startswith("No data:")


def test_ids_hang_on_what_is_drawn_and_not_on_the_last_bits_of_the_layout():
    def drawing(clip):
        return f'<clipPath id="{clip}"/><path clip-path="url(#{clip})" d="M 0 1"/><g id="text_1"/>'

    first, again = (figures._with_stable_ids(drawing(clip)) for clip in ("p0123456789", "pabcdef0123"))
    assert first == again
    name = first.split('"')[1]
    assert first.count(name) == 2 and 'id="text_1"' in first
    assert name not in figures._with_stable_ids(drawing("p0123456789").replace("M 0 1", "M 0 2"))


def test_every_reference_within_a_figure_finds_its_target():
    frame = pd.DataFrame({"label": list("ab"), "value": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.6]})
    svg = figures.to_svg(figures.interval_plot(frame, "x", [0.25]))
    targets = set(re.findall(r'id="([^"]+)"', svg))
    references = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    assert references and all((first or second) in targets for first, second in references)
