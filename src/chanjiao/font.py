"""The Chinese that pages show, as a font of their own, so that it shows on every machine."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

CHINESE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
NAME = "noto-sans-sc.woff"


def write(pages: Iterable[str], folder: Path) -> None:
    """Write the glyphs that the pages use of Noto Sans SC as noto-sans-sc.woff into a folder.

    Pages may be in the making still: they are asked for when everything else is ready.
    """
    from fontTools import subset  # takes a while, in which Pandoc can work

    options = subset.Options(flavor="woff", notdef_outline=True)
    options.recalc_timestamp = False
    with subset.load_font(str(files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf"), options) as font:
        cut = subset.Subsetter(options)
        cut.populate(text="".join(sorted(set(CHINESE.findall("".join(pages))))))
        cut.subset(font)
        subset.save_font(font, str(folder / NAME), options)
