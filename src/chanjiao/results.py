"""What a notebook computes, kept in the notebook: results, figures and tables as cell outputs.

In a notebook `record`, `show_figure` and `show_table` display something a person reads and, beside it, a bundle a
machine reads, which `bundles.extract` collects after execution.
"""

import io
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import publish_display_data
from matplotlib.figure import Figure

from chanjiao import figures
from chanjiao.bundles import FIGURE, RESULT, TABLE, VERDICTS, ResultError
from chanjiao.pipeline import NATION, PROCESSED
from chanjiao.statistics import Estimate

DIGITS = 6
COMPANIONS = {
    "effective_n": "units",
    "n_other": "units",
    "clusters_other": "clusters",
    "p_value": "probability",
    "tipping": "sensitivity",
    "publishing": "share",
    "detectable_below": "true value",
    "detectable_above": "true value",
}


def rounded(value: Any) -> Any:
    """`value` with every float cut to six significant digits, so that another processor writes the same file.

    Sequences and mappings are rounded element by element; not-a-number and infinity become None.
    """
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    if hasattr(value, "tolist"):  # scalars and arrays of numpy and pandas
        return rounded(value.tolist())
    # Adding 0 turns -0.0, which depends on the processor's order of summation, into 0.0.
    return float(f"{value:.{DIGITS}g}") + 0.0 if isinstance(value, float) and math.isfinite(value) else None


def record(
    key: str,
    value: float | int | str | None,
    *,
    unit: str,
    n: int | None = None,
    clusters: int | None = None,
    interval: Sequence[float] | None = None,
    tables: Iterable[str] = (),
    rows: Mapping[str, Sequence[Any]] | None = None,
    reason: str | None = None,
) -> None:
    """Show one result and keep it under `key` (`room.name`).

    `n` and `clusters` count what it rests on, `tables` names the raw tables, `rows` the primary keys used in each. A
    missing value is None and needs a `reason`; ResultError otherwise.
    """
    result = rounded(
        {
            "key": key,
            "value": value,
            "unit": unit,
            "n": n,
            "clusters": clusters,
            "interval": interval,
            "tables": sorted(tables),
            "rows": rows or {},
            "reason": reason,
        }
    )
    if result["value"] is None and not reason:
        raise ResultError(f"{key} has no value and no reason; give record(…, reason=…) a sentence that says why")
    publish_display_data({"text/plain": readable(result), RESULT: result})


def record_estimate(key: str, estimate: Estimate, *, tables: Iterable[str], always: Collection[str] = ()) -> None:
    """Record an estimate, and beside it whatever else it carries (KEY.effective_n, KEY.p_value, KEY.tipping …).

    The paper may ask for those named in `always`: they are recorded as missing where the estimate does not carry them.
    """
    tables = list(tables)
    record(
        key,
        estimate.value,
        unit=estimate.unit,
        n=estimate.n,
        clusters=estimate.clusters,
        interval=estimate.interval,
        tables=tables,
        rows=estimate.rows,
        reason=estimate.reason,
    )
    for name, unit in COMPANIONS.items():
        companion = getattr(estimate, name)
        if companion is not None or name in always:
            reason = None if companion is not None else f"there is no {name.replace('_', ' ')} for this estimate"
            record(f"{key}.{name}", companion, unit=unit, n=estimate.n, tables=tables, reason=reason)


def record_variants(key: str, variants: Mapping[str, Estimate], *, tables: Iterable[str]) -> None:
    """Record how an estimate moves with each choice, as KEY.VARIANT."""
    tables = list(tables)
    for variant, estimate in variants.items():
        record_estimate(f"{key}.{variant}", estimate.with_(rows={}), tables=tables)


def read_estimate(results: Mapping[str, Any], key: str) -> Estimate | None:
    """The estimate that `record_estimate` kept under `key`, from the `results` of a results.json; None if not there."""
    if key not in results:
        return None
    kept = results[key]
    companions = {name: results.get(f"{key}.{name}", {}).get("value") for name in COMPANIONS}
    return Estimate(
        value=kept["value"],
        interval=_read_interval(kept["interval"]),
        n=kept["n"] or 0,
        clusters=kept["clusters"],
        unit=kept["unit"],
        reason=kept["reason"],
        rows=kept["rows"],
        **companions,
    )


def _read_interval(kept: Sequence[float | None] | None) -> tuple[float, float] | None:
    """An end that was infinite is kept as None."""
    if kept is None:
        return None
    low, high = kept
    return -math.inf if low is None else low, math.inf if high is None else high


def readable(result: Mapping[str, Any]) -> str:
    """One line for a reader: key = value unit (interval; n; clusters; what lacks), or why there is no value."""
    if result["value"] is None:
        return f"{result['key']}: no value, {result['reason']}"
    about = []
    if result["interval"]:
        about.append("interval " + " to ".join("open" if end is None else f"{end:.3g}" for end in result["interval"]))
    if result["n"] is not None:
        about.append(f"n = {result['n']}")
    if result["clusters"] is not None:
        about.append(f"{result['clusters']} clusters")
    if result["reason"]:
        about.append(result["reason"])
    value = f"{result['value']:.4g}" if isinstance(result["value"], float) else result["value"]
    line = f"{result['key']} = {value} {result['unit']}".rstrip()
    return f"{line} ({'; '.join(about)})" if about else line


def show_figure(figure: Figure, data: pd.DataFrame) -> None:
    """Show a figure as SVG and PNG with the data it draws; the cell's options hold label, caption and alt text."""
    svg, png = figures.to_svg(figure), figures.to_png(figure)
    publish_display_data(
        {"text/plain": "figure", "image/svg+xml": svg, "image/png": png, FIGURE: {"data": to_csv(data)}}
    )


def show_table(frame: pd.DataFrame) -> None:
    """Show a table with its data; column names and cells are shown as they are, an empty cell as a dash."""
    html = frame.astype(object).where(frame.notna(), "–").to_html(index=False, border=0, classes="table", escape=True)
    publish_display_data(
        {"text/plain": frame.to_string(index=False), "text/html": html, TABLE: {"data": to_csv(frame)}}
    )


def show_verdicts(verdicts: Mapping[str, Any]) -> None:
    """Keep the verdicts of all claims, remedies and directions in the notebook."""
    lines = [f"{claim}: {entry['verdict']}" for claim, entry in verdicts.items() if entry["verdict"]]
    publish_display_data({"text/plain": "\n".join(lines), VERDICTS: rounded(verdicts)})


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV text, floats with six significant digits, LF at line ends."""
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")
    return buffer.getvalue()


def read_results(root: Path, province: str) -> dict[str, Any]:
    """All results the rooms recorded for a province and for the nation (`00`), by key.

    Reads every data/processed/<room>/<province or 00>/results.json there is, but not synthesis itself. Raises
    ResultError if there is none.
    """
    merged: dict[str, Any] = {}
    for code in (NATION, province):
        for path in sorted((root / PROCESSED).glob(f"*/{code}/results.json")):
            if path.parts[-3] != "synthesis":
                merged.update(json.loads(path.read_text(encoding="utf-8"))["results"])
    if not merged:
        raise ResultError(f"data/processed holds no results for province {province}; run `dvc repro` first")
    return merged
