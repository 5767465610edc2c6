"""Colours from outside the model: skin textures and backgrounds; and what a colour camera makes of light."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError
from training.hands.noise import advance, three_normals
from training.photos import Boxes, read_boxes

Picture = NDArray[np.uint8]
#: Linear light of the 256 values of a picture (sRGB's curve).
LINEAR = (((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4).astype(np.float32)
#: Square roots of light at which a camera's curve is known.
ROOTS = np.linspace(0, 1, 1025, dtype=np.float32)
#: Samples that share a background photo: decoding one takes as long as painting the hand.
PER_PHOTO = 8


def load_skins(folder: Path | None, uv: NDArray) -> tuple[list[NDArray], NDArray]:
    """Textures (h, w, 3) float32 of mean 1, linear light, red first, from light skins to dark ones, cut to the hand's
    part of the body's texture, and `uv` (U, 2) in pixels of the cut. Without a folder: procedural skins.

    Raises HandPoseError where the folder holds no pictures.
    """
    low, high = uv.min(0), uv.max(0)
    if folder is None:
        size = np.array([128, 128])
        rng = np.random.default_rng(0)
        return [_procedural_skin(rng, size) for _ in range(24)], (uv - low) / (high - low) * (size - 1)
    files = sorted(folder.glob("*.png"))
    if not files:
        raise HandPoseError(f"no skin textures (*.png) in {folder}: name another folder, or none for procedural skin")
    skins = []
    for file in files:
        picture = _read(file)
        height, width = picture.shape[:2]
        rows = slice(int((1 - high[1]) * height), int((1 - low[1]) * height) + 2)
        columns = slice(int(low[0] * width), int(high[0] * width) + 2)
        skins.append(LINEAR[picture[rows, columns]])
    pixels = np.column_stack([uv[:, 0] * width - columns.start, (1 - uv[:, 1]) * height - rows.start])
    y, x = np.rint(pixels[:, ::-1]).astype(int).T  # where the hand is, not what lies between its parts
    means = [skin[y.clip(0, skin.shape[0] - 1), x.clip(0, skin.shape[1] - 1)].mean(0) for skin in skins]
    order = np.argsort([-mean.sum() for mean in means])
    return [skins[i] / means[i] for i in order], pixels


def _read(path: Path) -> Picture:
    return _decode(np.fromfile(path, np.uint8), path)


def _decode(data: NDArray, path: Path) -> Picture:
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise HandPoseError(f"cannot read the picture {path}: it is damaged; replace or remove it")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _procedural_skin(rng: np.random.Generator, size: NDArray) -> NDArray:
    blotches = cv2.resize(rng.normal(0, 0.08, (8, 8)), (int(size[0]), int(size[1])), interpolation=cv2.INTER_CUBIC)
    skin = (1 + blotches + rng.normal(0, 0.04, (size[1], size[0])))[..., None] * np.ones(3)
    return (skin / skin.mean()).clip(0, None).astype(np.float32)


def wrinkle_slopes(size: int = 128) -> NDArray:
    """Slopes (size, size, 2) of a skin's relief, unit variance, seamless: pores and fine lines."""
    rng = np.random.default_rng(1)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))) * size
    band = np.exp(-(((frequency - 14) / 9) ** 2))
    relief = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * band).real
    slopes = np.stack([relief - np.roll(relief, 1, axis) for axis in (1, 0)], axis=-1)
    return (slopes / slopes.std()).astype(np.float32)


def hair_strands(size: int = 128) -> NDArray:
    """How densely hair lies (size, size), 0 to 1, seamless: strands along the columns."""
    rng = np.random.default_rng(2)
    down, across = np.meshgrid(np.fft.fftfreq(size) * size, np.fft.fftfreq(size) * size, indexing="ij")
    band = np.exp(-((down / 7) ** 2)) * np.exp(-(((np.abs(across) - 22) / 14) ** 2))
    strands = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * band).real
    return (0.45 + 0.35 * strands / strands.std()).clip(0, 1).astype(np.float32)


class Backgrounds:
    """Patches of photos without hands (a `*.csv` of boxes beside the photos says where hands are), or painted ones.

    Photos stay compressed in memory and are decoded as they are drawn.
    """

    def __init__(self, folder: Path | None):
        self.paths: list[Path] = []
        self.photos: list[NDArray] = []
        self.boxes: list[NDArray] = []
        if folder is None:
            return
        boxes = read_boxes(folder)
        self.paths = sorted(folder.rglob("*.jpg"))
        if not self.paths:
            raise HandPoseError(f"no photos (*.jpg) in {folder}: name another folder, or none for procedural ones")
        self.photos = [np.fromfile(path, np.uint8) for path in self.paths]
        self.boxes = [np.array(boxes.get(path.name, Boxes()).corners).reshape(-1, 4) for path in self.paths]

    def room(self, rng: np.random.Generator, shape: tuple[int, int]) -> Picture:
        """A whole background (H, W, 3) without hands: part of a photo, enlarged or repeated in mirrors, or painted."""
        if self.photos and rng.random() > 0.15:
            index = rng.integers(len(self.photos))
            photo = _decode(self.photos[index], self.paths[index])
            x, y, width, height = free_area(rng, photo, self.boxes[index])
            if min(width, height) >= 40:
                part: NDArray = photo[y : y + height, x : x + width]
                scale = max(shape[0] / height, shape[1] / width) * rng.uniform(0.35, 1.0)
                part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
                below, beside = (max(0, edge - have) for edge, have in zip(shape, part.shape, strict=False))
                part = cv2.copyMakeBorder(part, 0, below, 0, beside, cv2.BORDER_REFLECT)
                return part[: shape[0], : shape[1]].astype(np.uint8, copy=False)
        return np.ascontiguousarray(paint_background(rng, max(shape))[: shape[0], : shape[1]])

    def patches(self, rng: np.random.Generator, batch: int, size: int) -> Picture:
        """Backgrounds (B, size, size, 3), flipped and turned at random; painted where no free patch is found."""
        out = np.empty((batch, size, size, 3), np.uint8)
        for start in range(0, batch, PER_PHOTO):
            if self.photos:
                index = rng.integers(len(self.photos))
                photo = _decode(self.photos[index], self.paths[index])
            for i in range(start, min(batch, start + PER_PHOTO)):
                patch = free_patch(rng, photo, self.boxes[index], size) if self.photos and rng.random() > 0.1 else None
                out[i] = paint_background(rng, size) if patch is None else patch
        return out


def free_patch(rng: np.random.Generator, photo: Picture, boxes: NDArray, size: int) -> Picture | None:
    """A (size, size, 3) patch of `photo` outside all `boxes` (K, 4), xmin ymin xmax ymax, or None."""
    x, y, width, height = free_area(rng, photo, boxes)
    side = int(rng.uniform(0.5, 1.0) * min(width, height))
    if side < size / 4:
        return None
    x, y = x + int(rng.integers(0, width - side + 1)), y + int(rng.integers(0, height - side + 1))
    patch: Picture = photo[y : y + side, x : x + side]
    if side >= 2 * size:  # halved and then interpolated: as good as means over areas, and many times faster
        patch = cv2.resize(patch, (side // 2, side // 2), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    patch = np.rot90(patch, max(0, int(rng.integers(-2, 4))))
    return np.ascontiguousarray(patch[:, :: 1 if rng.random() < 0.5 else -1])


def free_area(rng: np.random.Generator, photo: Picture, boxes: NDArray) -> tuple[int, int, int, int]:
    """x, y, width and height of a part of `photo` outside all `boxes` (K, 4), beside or above them.

    Where people show one hand, the other often hangs unmarked near the lower border: that part is left out.
    """
    high, wide = photo.shape[:2]
    if not len(boxes):
        return 0, 0, wide, high
    high = int(0.7 * high)
    margin = 8
    left, top = (min(edge, max(0, int(boxes[:, k].min()) - margin)) for k, edge in ((0, wide), (1, high)))
    right = min(wide, int(np.ceil(boxes[:, 2].max())) + margin)
    areas = [(0, 0, left, high), (right, 0, wide - right, high), (0, 0, wide, top)]
    room = [min(w, h) ** 2 + 1e-9 for _, _, w, h in areas]
    pick = rng.random() * sum(room)
    return areas[0] if pick < room[0] else areas[1] if pick < room[0] + room[1] else areas[2]


def paint_background(rng: np.random.Generator, size: int) -> Picture:
    """A painted background (size, size, 3): a softly lit wall with shapes before it, some wild and some plain."""
    tint = np.exp(rng.normal(0, rng.uniform(0, 0.35), 3))
    light = cv2.resize(rng.uniform(0.5, 1.1, (3, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    picture = np.ascontiguousarray((rng.uniform(30, 230) * tint * light[..., None]).clip(0, 255).astype(np.uint8))
    for _ in range(rng.integers(0, 12)):
        colour = tuple(int(c) for c in (rng.uniform(0, 255) * np.exp(rng.normal(0, 0.3, 3))).clip(0, 255))
        a, b = rng.integers(-size // 4, size * 5 // 4, (2, 2)).tolist()
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(picture, a, b, colour, -1)
        elif kind == 1:
            axes = rng.integers(2, size // 2, 2).tolist()
            cv2.ellipse(picture, a, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.line(picture, a, b, colour, int(rng.integers(1, max(2, size // 12))), cv2.LINE_AA)
    cells = int(rng.choice([5, 13, 40]))
    layer = rng.normal(0, rng.exponential(8), (cells, cells, 3)).astype(np.float32)
    layer = cv2.resize(layer, (size, size), interpolation=int(rng.integers(0, 3)))  # type: ignore[assignment]
    return (picture + layer).clip(0, 255).astype(np.uint8)


def through_lens(light: NDArray, look: NDArray, seed: int, scale: float = 1.0) -> Picture:
    """What a colour camera makes of linear `light` (H, W, 3) float32: blur, motion, exposure, white balance, noise and
    compression as `look` (of look.LOOK) says, its lengths in pixels times `scale`."""
    if look["blur"] * scale > 0.2:
        light = cv2.GaussianBlur(light, (0, 0), float(look["blur"]) * scale)
    reach = look["motion"] * scale / 2
    far = max(abs(float(reach[0])), abs(float(reach[1])))
    if far >= 0.5:
        side = 2 * int(np.ceil(far)) + 1
        kernel = np.zeros((side, side), np.float32)
        middle = np.array([side // 2, side // 2])
        start, end = (np.rint(middle + s * reach).astype(int).tolist() for s in (-1, 1))
        cv2.line(kernel, start, end, 1.0)
        light = cv2.filter2D(light, -1, kernel / kernel.sum())
    gain = float(look["exposure"]) * (0.2 / max(0.02, sum(cv2.mean(light)[:3]) / 3)) ** 0.6  # the camera's own exposure
    picture = np.empty(light.shape, np.uint8)
    curve = (255 * ROOTS ** np.float32(2 / 2.2 * look["gamma"])).astype(np.float32)
    develop(light, look["balance"] * np.float32(gain), look["saturation"], curve, look["grain"], seed, picture)
    if look["jpeg"]:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(look["jpeg"])])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return picture


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def develop(light, gain, saturation, curve, grain, seed, out):
    """Linear `light` (H, W, 3) to a picture: gain (3,) and saturation, then `curve` (1025,) over the light's square
    root, then noise of standard deviation grain[0], growing by grain[1] up to white (H, W, 3) uint8."""
    state = advance(advance(np.uint64(seed)))
    red, green, blue = gain[0], gain[1], gain[2]
    dark, bright = grain[0], grain[1]
    low, high = np.float32(0), np.float32(1)
    for v in range(light.shape[0]):
        for u in range(light.shape[1]):
            r, g, b = light[v, u, 0] * red, light[v, u, 1] * green, light[v, u, 2] * blue
            grey = np.float32(0.3) * r + np.float32(0.59) * g + np.float32(0.11) * b
            state = advance(state)
            noises = three_normals(state)
            for c, x in enumerate((r, g, b)):
                root = np.sqrt(min(high, max(low, grey + saturation * (x - grey))))
                value = curve[int(root * np.float32(1024))] + (dark + bright * root) * noises[c] + np.float32(0.5)
                out[v, u, c] = min(np.float32(255), max(low, value))
