"""A study small enough to be trained in a test."""

from pathlib import Path
from typing import Any

import yaml

TINY: dict[str, Any] = {
    "kind": "crossmodal",
    "title": "Tiny",
    "benchmark": {
        "train": 64, "validation": 8, "test": 8, "unseen": 8, "size": 32, "skins": None, "backgrounds": None,
    },
    "seeds": [1],
    "strategy": "pairs",
    "source": "joints_2d",
    "encoders": {"joints_2d": {"net": "mlp", "hidden": 16}, "joints": {"net": "mlp", "hidden": 16}},
    "decoders": {"joints": {"net": "mlp", "hidden": 16, "layers": 2}},
    "samples": 640,
    "batch": 16,
    "lr": 0.003,
    "latent": 6,
    "beta": [0.0, 0.001],
    "pairs": ["joints_2d>joints", "joints>joints"],
    "rows": {"both": None, "one": {"pairs": ["joints_2d>joints"]}},
    "claims": [{"says": "one is enough", "better": "one", "worse": "both"}],
}  # fmt: skip


def write_study(folder: Path, **changes: Any) -> Path:
    """A file `tiny.yaml` with `changes` on its top level."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | changes))
    return path
