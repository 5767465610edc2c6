"""Hands of every size and build: what they are made from is drawn by chance, and what is drawn makes the hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.hands.model import BONE_COUNT, FINGER_BONES, Array, HandModel, HandShape

#: What anny makes a hand from, each 0 to 1: sex from male to female, age from newborn to old (a third is a child of
#: about 10, two thirds a young adult), the body's build; then its changes of the hand alone, -1 to 1.
PHENOTYPES = (
    "sex", "age", "muscle", "weight", "height", "proportions",
    "hand_scale", "finger_length", "finger_diameter", "finger_distance",
)  # fmt: skip


@dataclass(frozen=True)
class ShapeParameters:
    """What `B` hands at rest are made from, all that `make_shapes` needs but for the model.

    phenotypes: (B, 10) as PHENOTYPES names them; a hand blends two of anny's, and so do they. They follow the hand:
    nothing is made from them. shape_coefficients: (B, K) of the model's basis, anny's hand. hand_length: (B,) metres
    from the wrist to the middle finger's PIP joint, to which anny's hand is scaled as a whole. What it is stretched by
    then: palm_scale: (B, 3) the palm in width, length and depth. finger_thickness: (B,). bone_scale: (B, 5, 3) the
    finger bones in length, thumb first, from the palm on.
    """

    phenotypes: Array
    shape_coefficients: Array
    hand_length: Array
    palm_scale: Array
    finger_thickness: Array
    bone_scale: Array


def sample_shapes(model: HandModel, rng: np.random.Generator, batch: int) -> HandShape:
    """Hands (a batch of `batch`) as `sample_parameters` draws them."""
    return make_shapes(model, sample_parameters(model, rng, batch))


def sample_parameters(model: HandModel, rng: np.random.Generator, batch: int) -> ShapeParameters:
    """Hands of every size and build: anny's shapes, then bone lengths, thickness and palm proportions beyond them.

    anny's skeleton has about one degree of freedom besides scale, real hands have more, and its thumb's and little
    finger's joints lie elsewhere than in most data sets: proportions lie between anny's and MANO's mean hand. Sizes
    follow adults with a tail of children: wrist to middle PIP joint 130 ± 10 mm, a tenth of the hands 85 to 120 mm.
    """
    pick = rng.integers(len(model.coefficients), size=(2, batch))
    blend = rng.random((batch, 1))
    coefficients, phenotypes = (
        values[pick[0]] * blend + values[pick[1]] * (1 - blend) for values in (model.coefficients, model.phenotypes)
    )
    length = np.where(rng.random(batch) < 0.1, rng.uniform(0.085, 0.12, batch), rng.normal(0.130, 0.010, batch))
    palm = np.stack([np.exp(rng.normal(0, s, batch)) for s in (0.05, 0.05, 0.06)], axis=1)
    finger = np.exp(rng.normal(0, 0.05, (batch, 1)))  # long or short fingers as a whole
    thickness = np.exp(rng.normal(0, 0.07, batch))
    towards_mano = rng.random((batch, 1))
    bones = []
    for own in FINGER_BONES:
        one_finger = finger * np.exp(rng.normal(0, 0.03, (batch, 1)))
        bones.append(
            one_finger * np.exp(rng.normal(0, 0.04, (batch, 3))) * model.proportions[list(own)] ** towards_mano
        )
    return ShapeParameters(phenotypes, coefficients, length.clip(0.08, 0.16), palm, thickness, np.stack(bones, axis=1))


def make_shapes(model: HandModel, parameters: ShapeParameters) -> HandShape:
    """The hands at rest that are made from these parameters."""
    batch = len(parameters.hand_length)
    flat = parameters.shape_coefficients.astype(np.float32) @ model.basis.reshape(len(model.basis), -1)
    points = flat.reshape(batch, -1, 3) + model.mean.astype(np.float32)
    skin = len(model.mean) - 21
    heads, tips = points[:, skin : skin + 16], points[:, skin + 16 :]
    size = parameters.hand_length / np.linalg.norm(heads[:, 8] - heads[:, 0] - model.joint_offsets[0], axis=1)

    scales = np.zeros((batch, BONE_COUNT, 3, 3))
    scales[:, 0] = parameters.palm_scale[:, None] * np.eye(3)
    thickness = parameters.finger_thickness
    for finger, bones in enumerate(FINGER_BONES):
        for k, bone in enumerate(bones):
            end = heads[:, bone + 1] if k < 2 else tips[:, finger]
            axis = end - heads[:, bone]
            axis /= np.linalg.norm(axis, axis=1, keepdims=True)
            along = axis[:, :, None] * axis[:, None, :]
            scales[:, bone] = (parameters.bone_scale[:, finger, k] - thickness)[:, None, None] * along
            scales[:, bone] += thickness[:, None, None] * np.eye(3)
    return HandShape(points[:, :skin], heads, tips, scales * size[:, None, None, None], size)
