"""`hand-pose-train space`: numbers and pictures of a trained row's latent space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hand_pose_ros.skeleton import INDEX_MCP, LITTLE_MCP, WRIST
from training.crossmodal.benchmark import load_split
from training.crossmodal.config import read_study
from training.crossmodal.generative import embed, encode_all, posterior_draws, summary, walk
from training.crossmodal.modalities import fields_of, views
from training.crossmodal.plots import plot_embedding, plot_samples, plot_walk
from training.crossmodal.run import LIMIT_HANDS, load_row, row_limits

STEPS = 9
DRAWS = 12
EMBEDDED_HANDS = 150
#: Cosine of the angle up to which a palm, or a back, is turned to the camera: 32 degrees.
FACING = 0.85


def describe_space(path: Path, row_name: str, seed: int, folder: Path, record: Path, images: Path) -> None:
    """Look at the row of the experiment at `path` that was trained below `folder`: numbers into the file `record`,
    pictures `space_walk.png`, `space_samples.png` and `space_tsne.png` into `images`.

    Walks lead between the two right hands of the test split whose fingers are most and least bent, of those that turn
    the palm or the back to the camera, so that fingers are seen beside each other.
    Raises HandPoseError where the row was not trained to the end.
    """
    experiment = read_study(path)
    model, row = load_row(experiment, row_name, seed, folder), experiment.rows[row_name]
    root = folder.parent
    labels = load_split(experiment.benchmark, "train", ("joints", "right"), root)
    limits = row_limits(row, labels)
    arrays = load_split(experiment.benchmark, "test", fields_of(row.modalities), root)
    train = {name: values[:LIMIT_HANDS] for name, values in labels.items()}
    known = views(train, ("joints",), row.invariances, row.points)["joints"]
    encoded = encode_all(model, row, arrays)
    joints = views(arrays, ("joints",), row.invariances, row.points)["joints"]
    numbers = {"title": experiment.title, "row": row_name, "seed": seed}
    numbers |= summary(model, row, encoded, joints, known, limits)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(numbers, indent=1) + "\n")

    images.mkdir(parents=True, exist_ok=True)
    openness = _openness(arrays["joints"])
    order = np.argsort(openness)
    right = order[arrays["right"][order] > 0.5]
    shown = right[_facing(arrays["joints"][right]) > FACING]
    mean = encoded["joints"][0]
    plot_walk(walk(model, mean[shown[-1]], mean[shown[0]], STEPS), images / "space_walk.png")
    hand = int(right[len(right) // 2])
    draws = {m: posterior_draws(model, mu[hand], log_var[hand], DRAWS) for m, (mu, log_var) in encoded.items()}
    plot_samples(draws, joints[hand].numpy(), images / "space_samples.png")
    flat = embed({m: mu for m, (mu, _) in encoded.items()}, EMBEDDED_HANDS)
    plot_embedding(flat, openness[:EMBEDDED_HANDS], images / "space_tsne.png")


def _openness(joints: np.ndarray) -> np.ndarray:
    """Distance from the finger tips to the wrist over the fingers' length (N,): how straight a hand is."""
    tips = np.linalg.norm(joints[:, 8::4] - joints[:, :1], axis=-1).mean(1)
    length = np.linalg.norm(np.diff(joints[:, 5:], axis=1), axis=-1)[:, np.arange(15) % 4 != 3].sum(1)
    return tips / length


def _facing(joints: np.ndarray) -> np.ndarray:
    """How much the palm or the back is turned to the camera (N,): 1 wholly, 0 not at all."""
    across = np.cross(joints[:, INDEX_MCP] - joints[:, WRIST], joints[:, LITTLE_MCP] - joints[:, WRIST])
    return np.abs(across[:, 2]) / np.linalg.norm(across, axis=1)
