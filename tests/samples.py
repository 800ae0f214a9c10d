"""Data that several test modules share."""

import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from chanjiao.claims import CONTRADICTED

# Deaths and patients on tolbutamide and placebo, under 55 and 55 or older (University Group Diabetes Program; Rothman,
# Greenland and Lash, Modern Epidemiology (3rd ed.), table 15-1).
TOLBUTAMIDE = {"young": ((8, 106), (5, 120)), "old": ((22, 98), (16, 85))}

# Rules of two made-up indicators.
SHARE = {
    "key": "transmission.c1_1",
    "meaning": "share of documents",
    "table": "policies",
    "unit": "share",
    "supported_when": {"bound": "upper", "below": 0.5},
    "contradicted_when": {"bound": "lower", "above": 0.5},
    "minimum": {"n": 10},
    "safe_direction": CONTRADICTED,
    "bias": "misclassification",
    "holds_under": [],
}
RATIO = {
    "key": "mechanism.c1_2",
    "meaning": "depth elsewhere",
    "table": "cooperation",
    "unit": "ratio",
    "supported_when": {"bound": "upper", "below": 1},
    "contradicted_when": {"bound": "lower", "above": 1},
    "minimum": {"n": 20, "clusters": 10, "clusters_other": 10},
    "safe_direction": "both",
    "holds_under": ["both", "either"],
}


def executed(*cells):
    """An executed notebook of cells (id, source, bundles)."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", id="title"),
            *(
                new_code_cell(source, id=name, outputs=[new_output("display_data", data=dict(one)) for one in shown])
                for name, source, shown in cells
            ),
        ]
    )


def patients(strata=TOLBUTAMIDE):
    """One row a patient, each its own cluster."""
    rows = [
        (stratum, side, int(place < dead))
        for stratum, sides in strata.items()
        for side, (dead, alive) in zip((1, 0), sides, strict=True)
        for place in range(alive)
    ]
    frame = pd.DataFrame(rows, columns=["stratum", "side", "dead"])
    return frame.assign(cluster=[f"p{number:03d}" for number in range(len(frame))])
