"""How a scene looks in colour: skin tone, cloth, lights, background and the colour camera, drawn by chance."""

from __future__ import annotations

import numpy as np

from training.hands.model import Array
from training.hands.things import COUNT

#: A scene's looks; colours are linear light, red first. texture: 0 to 1, place among the skins from light to dark.
#: tone: the skin's mean colour. polish: of the nails, negative for none. ring: 0 to 3 on a finger from the index on, -1
#: for none, of colour metal. hair: share of light that it keeps from the arm, 0 for none. watch: where its strap lies,
#: in rings of the forearm from the wrist on, half its width in them (0 for no watch), where its face is, in turns about
#: the arm from the back of the hand, and the face's radius in rings; of colours strap and dial. bump: how strongly the
#: skin is wrinkled. gloss, shine: highlight's strength and exponent. lights: two of unit direction to the light and
#: colour; the first casts shadows, as dark as `shadow`. sky, ground: light from all round, above and below;
#: `mirror_room` of it takes the background's colours. cloth, things: colours of the sleeve and the things, `printed` of
#: them with a pattern. exposure, balance, gamma, saturation: of the camera. blur, motion (x and y): in pixels of a
#: picture of 128. grain: noise of dark and of bright pixels, of 255. jpeg: quality, 0 for none.
LOOK = np.dtype(
    [
        ("texture", "f4"), ("tone", "f4", 3), ("polish", "f4", 3), ("ring", "i4"), ("metal", "f4", 3),
        ("hair", "f4"), ("watch", "f4", 4), ("strap", "f4", 3), ("dial", "f4", 3),
        ("bump", "f4"), ("gloss", "f4"), ("shine", "f4"),
        ("lights", "f4", (2, 6)), ("shadow", "f4"), ("sky", "f4", 3), ("ground", "f4", 3), ("mirror_room", "f4"),
        ("cloth", "f4", 3), ("things", "f4", (COUNT, 3)), ("printed", "f4", 1 + COUNT),
        ("exposure", "f4"), ("balance", "f4", 3), ("gamma", "f4"), ("saturation", "f4"),
        ("blur", "f4"), ("motion", "f4", 2), ("grain", "f4", 2), ("jpeg", "i4"),
    ]
)  # fmt: skip
#: Linear reflectance of the lightest and the darkest skin.
LIGHTEST, DARKEST = np.array([0.74, 0.49, 0.38]), np.array([0.095, 0.045, 0.028])


def sample_looks(rng: np.random.Generator, batch: int, textures: bool = True, lights: bool = True) -> Array:
    """Looks (B,) of LOOK. Without `textures` skin and things are of one plain colour, without `lights` there is one
    white light from the camera's side and no shadow."""
    looks = np.zeros(batch, LOOK)
    dark = rng.random(batch)
    looks["texture"] = dark
    tone = LIGHTEST ** (1 - dark[:, None]) * DARKEST ** dark[:, None]
    flush = rng.normal(0, 0.07, (batch, 1)) * [1, -0.6, -0.4] + rng.normal(0, 0.05, (batch, 3))
    looks["tone"] = (tone * np.exp(flush)).clip(0, 1)
    looks["bump"] = rng.exponential(0.06, batch) * textures
    polished, ringed = rng.random((2, batch)) < np.array([[0.12], [0.15]])
    looks["polish"] = np.where(polished[:, None] & textures, rng.random((batch, 3)) ** 2, -1)
    looks["ring"] = np.where(ringed & textures, rng.choice(4, batch, p=[0.15, 0.15, 0.55, 0.15]), -1)
    looks["metal"] = rng.uniform(0.5, 1.1, (batch, 1)) * [1, 0.85, 0.6] ** rng.random((batch, 1))
    looks["gloss"] = rng.exponential(0.05, batch)
    looks["shine"] = np.exp(rng.uniform(np.log(6), np.log(50), batch))

    direction = rng.normal([0, -0.7, -0.7], 0.9, (batch, 2, 3))  # more often from above and from the camera's side
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    warmth = rng.normal(0, 0.15, (batch, 2, 1)) * [1, 0, -1]  # lamps to daylight
    strength = np.exp(rng.normal([0.2, -0.9], [0.5, 0.9], (batch, 2)))[..., None]
    looks["lights"][..., :3] = direction
    looks["lights"][..., 3:] = strength * np.exp(warmth + rng.normal(0, 0.05, (batch, 2, 3)))
    looks["shadow"] = rng.uniform(0.2, 1, batch)
    around = np.exp(rng.normal(-0.9, 0.5, (batch, 1)) + rng.normal(0, 0.1, (batch, 3)))
    looks["sky"] = around
    looks["ground"] = around * np.exp(rng.normal(-0.5, 0.3, (batch, 1)) + rng.normal(0, 0.1, (batch, 3)))
    looks["mirror_room"] = rng.uniform(0, 0.7, batch)
    if not lights:
        looks["lights"] = 0
        looks["lights"][:, 0] = [0, -0.6, -0.8, 0.8, 0.8, 0.8]
        looks["shadow"], looks["sky"], looks["ground"], looks["mirror_room"] = 0, 0.4, 0.4, 0

    shade = rng.random((batch, 1 + COUNT, 1)) ** 2
    hue = np.exp(rng.normal(0, 0.5, (batch, 1 + COUNT, 3)))
    colours = (shade * hue).clip(0.01, 0.9)
    looks["cloth"], looks["things"] = colours[:, 0], colours[:, 1:]
    looks["printed"] = rng.random((batch, 1 + COUNT)) * (rng.random((batch, 1 + COUNT)) < 0.6) * textures

    looks["exposure"] = np.exp(rng.normal(0, 0.3, batch))
    looks["balance"] = np.exp(rng.normal(0, 0.06, (batch, 3)))
    looks["gamma"] = np.exp(rng.normal(0, 0.12, batch))
    looks["saturation"] = rng.uniform(0.6, 1.3, batch)
    looks["blur"] = rng.uniform(0, 1.3, batch) * (rng.random(batch) < 0.5)
    angle = rng.uniform(0, np.pi, batch)
    length = rng.uniform(2, 9, batch) * (rng.random(batch) < 0.15)
    looks["motion"] = (length * np.array([np.cos(angle), np.sin(angle)])).T
    looks["grain"] = rng.exponential([2.0, 1.5], (batch, 2))
    looks["jpeg"] = rng.integers(35, 96, batch) * (rng.random(batch) < 0.3)
    _dress(rng, looks, textures)
    return looks


def _dress(rng: np.random.Generator, looks: Array, textures: bool) -> None:
    """Hair on two of five arms and a watch on one in six, its face on the back or, seldom, inside."""
    batch = len(looks)
    looks["hair"] = rng.exponential(0.25, batch).clip(0, 0.8) * (rng.random(batch) < 0.4) * textures
    worn = (rng.random(batch) < 1 / 6) & textures
    looks["watch"][:, 0] = rng.uniform(0.5, 1.6, batch)
    looks["watch"][:, 1] = np.where(worn, rng.uniform(0.2, 0.36, batch), 0)
    looks["watch"][:, 2] = rng.normal(0, 0.04, batch) + 0.5 * (rng.random(batch) < 0.12)
    looks["watch"][:, 3] = np.where(rng.random(batch) < 0.85, rng.uniform(0.4, 0.68, batch), 0)  # some are bracelets
    plain = rng.random((2, batch, 1)) ** 2 * np.exp(rng.normal(0, 0.12, (2, batch, 3)))
    metal = rng.random((batch, 1)) < 0.3
    looks["strap"] = np.where(metal, looks["metal"], np.where(rng.random((batch, 1)) < 0.6, 0.15, 0.8) * plain[0])
    looks["dial"] = plain[1].clip(0.01, 0.95)
