"""The look of every figure: calm, colour-blind safe, Chinese included, the same bytes on every machine."""

import base64
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito's colour-blind safe palette, darkest first.
PALETTE = {
    "ink": "#22303c",
    "grey": "#8a949c",
    "light": "#d9dee2",
    "blue": "#0072b2",
    "orange": "#d55e00",
    "green": "#009e73",
    "yellow": "#e69f00",
    "purple": "#cc79a7",
    "sky": "#56b4e9",
}
CYCLE = ("blue", "orange", "green", "purple", "yellow", "sky")
# Of the verdicts of `claims`, one that only leans in the colour of its direction, but pale.
VERDICT_COLOURS = {
    "supported": "orange",
    "contradicted": "blue",
    "mixed": "purple",
    "undecided": "grey",
    "insufficient data": "light",
}
WIDTH = 7.2  # inches, the text width of the page
DPI = 150  # of a PNG
IMAGE_DPI = 100  # of an image within an SVG


@cache
def _font() -> str:
    path = str(files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf")
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()


def style() -> Any:
    """Matplotlib settings of the house; `new` applies them."""
    return {
        "font.family": [_font()],
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.titleweight": "normal",
        "axes.titley": 1.0,  # else a place clear of ticks on top is searched for, in a fifth of the drawing time
        "axes.labelsize": 9,
        "axes.edgecolor": PALETTE["grey"],
        "axes.labelcolor": PALETTE["ink"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=[PALETTE[name] for name in CYCLE]),
        "axes.unicode_minus": False,
        "text.color": PALETTE["ink"],
        "xtick.color": PALETTE["ink"],
        "ytick.color": PALETTE["ink"],
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "grid.color": PALETTE["light"],
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "path",
        "svg.hashsalt": "chanjiao",
    }


def new(
    height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, **options: Any
) -> tuple[Figure, np.ndarray]:
    """An empty figure in the style of the house, `width` x `height` inches and its axes as an array (rows x columns).

    `options` go to `Figure.subplots` (sharex, sharey, width_ratios …). No pyplot, so nothing is shown by itself.
    """
    matplotlib.rcParams.update(style())
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def no_data(reason: str) -> Figure:
    """A plain panel that says why there is nothing to draw."""
    figure, axes = new(1.6)
    no_data_panel(axes[0, 0], reason)
    return figure


def no_data_panel(axis: Axes, reason: str) -> None:
    """Say in a panel why there is nothing to draw in it."""
    axis.set_axis_off()
    axis.text(
        0.5, 0.5, f"No data: {reason}", ha="center", va="center", color=PALETTE["grey"], wrap=True,
        transform=axis.transAxes,
    )  # fmt: skip


def interval_plot(
    frame: pd.DataFrame,
    xlabel: str,
    thresholds: Sequence[float] = (),
    limits: tuple[float, float] | None = None,
    percent: bool = False,
) -> Figure:
    """Estimates with intervals, one line each, first row on top; `thresholds` as dashed lines.

    `frame`: label, value, low, high and optionally n (printed at the right) and colour (a name of PALETTE).
    """
    if frame.empty:
        return no_data("no estimate could be computed")
    figure, axes = new(0.9 + 0.28 * len(frame))
    axis: Axes = axes[0, 0]
    places = np.arange(len(frame))[::-1]
    for place, row in zip(places, frame.to_dict("records"), strict=True):
        draw_interval(axis, place, row)
    for threshold in thresholds:
        axis.axvline(threshold, color=PALETTE["ink"], linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axis.set_yticks(places, frame["label"].astype(str))
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(xlabel)
    axis.set_ylim(-0.7, len(frame) - 0.3)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    if limits:
        axis.set_xlim(*limits)
    if percent:
        axis.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    return figure


def draw_interval(axis: Axes, place: float, row: Mapping[Any, Any]) -> None:
    """One horizontal interval with its point and, if `n` is given, the count at the right margin."""
    colour = PALETTE[row["colour"] if pd.notna(row.get("colour")) else "blue"]
    if pd.notna(row["low"]) and pd.notna(row["high"]):
        axis.plot(
            [row["low"], row["high"]], [place, place], color=colour, linewidth=2, solid_capstyle="butt", alpha=0.55
        )
    if pd.notna(row["value"]):
        axis.plot([row["value"]], [place], "o", color=colour, markersize=5.5)
    if pd.notna(row.get("n")):
        axis.annotate(
            f"n = {row['n']:.0f}", (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=8, color=PALETTE["grey"], annotation_clip=False,
        )  # fmt: skip


def to_svg(figure: Figure) -> str:
    """SVG text without date, creator or random ids; everything in the figure then keeps the place it has here."""
    buffer = io.StringIO()
    # Here and below not by `savefig`, which draws everything twice, the first time for nothing.
    figure.dpi = IMAGE_DPI
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # a second drawing need not look for the places again
    return _with_stable_ids(re.sub(r"\s+$", "", buffer.getvalue(), flags=re.MULTILINE) + "\n")


def _with_stable_ids(svg: str) -> str:
    """The drawing with its hashed ids numbered in order.

    Matplotlib hashes ids from the last bits of the layout, which differ from run to run though nothing drawn does. The
    digest of what is drawn keeps them apart where several drawings stand on one page.
    """
    ids = dict.fromkeys(re.findall(r'\bid="(\w*[0-9a-f]{10})"', svg))
    if not ids:
        return svg
    pattern = re.compile(rf"\b(?:{'|'.join(ids)})\b")
    digest = hashlib.sha256(pattern.sub("", svg).encode()).hexdigest()[:10]
    numbers = {name: f"i{digest}-{number}" for number, name in enumerate(ids)}
    return pattern.sub(lambda found: numbers[found[0]], svg)


def to_png(figure: Figure) -> str:
    """PNG as base64 text, without the name of the software."""
    buffer = io.BytesIO()
    figure.dpi = DPI
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")
