"""Both engines make the same scenes of the same seed, and their pictures agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.hands import raster, samples, scene
from training.hands.depth import perfect_sensors, shadows
from training.hands.model import HandModel
from training.hands.scene import HALF, Scenes, sample_scenes
from training.hands.stage import crop_stage, view
from training.hands.torch_engine import sensor
from training.hands.torch_engine.bodies import Mesh, load_mesh, surfaces, vertex_normals
from training.hands.torch_engine.depth import crop_lenses, render_all, see_depth

BATCH, SIZE = 24, 64


@pytest.fixture(scope="module")
def mesh(model: HandModel, device: str) -> Mesh:
    return load_mesh(model, device)


@pytest.fixture(scope="module")
def crops(model: HandModel) -> Scenes:
    return sample_scenes(model, np.random.default_rng(8), BATCH)


@pytest.fixture(scope="module")
def skins(model: HandModel, crops: Scenes) -> np.ndarray:
    return scene.surfaces(model, crops)


def test_skin_is_the_same_to_a_micrometre(mesh: Mesh, crops: Scenes, skins: np.ndarray) -> None:
    np.testing.assert_allclose(surfaces(mesh, crops).cpu(), skins, atol=1e-6)


def test_normals_are_the_same(model: HandModel, mesh: Mesh, crops: Scenes, skins: np.ndarray) -> None:
    expected = np.empty((skins.shape[1], 3))
    raster.vertex_normals(skins[2].astype(np.float64), model.faces, expected)
    cosine = (vertex_normals(mesh, surfaces(mesh, crops))[2].cpu().numpy() * expected).sum(1)
    assert cosine.min() > 1 - 1e-5


def test_true_depth_parts_and_faces_agree(model: HandModel, mesh: Mesh, crops: Scenes, skins: np.ndarray) -> None:
    """The tolerance that docs/synthetic_hands.md states."""
    vertices = surfaces(mesh, crops)
    lens = crop_lenses(torch.as_tensor(HALF / crops.distance).to(vertices), torch.full((BATCH,), SIZE).to(vertices))
    depth, part, seen = (
        a.cpu() for a in (lambda d, p, v: (d, p, v.face))(*render_all(mesh, crops, vertices, lens, (SIZE, SIZE)))
    )
    views = [
        view(
            model, crop_stage(model, crops, skins[i], i), raster.crop_lens(HALF / crops.distance[i], SIZE), (SIZE, SIZE)
        )
        for i in range(BATCH)
    ]
    expected = np.stack([v.depth for v in views])
    assert (np.stack([v.part for v in views]) != part.numpy()).mean() < 1e-3
    assert (np.stack([v.face for v in views]) != seen.numpy()).mean() < 2e-3
    both = np.isfinite(expected) & torch.isfinite(depth).numpy()
    assert (np.isfinite(expected) != torch.isfinite(depth).numpy()).mean() < 1e-3
    assert (np.abs(expected[both] - depth.numpy()[both]) > 1e-4).mean() < 2e-3


def test_weights_give_back_the_place_that_is_seen(mesh: Mesh, crops: Scenes) -> None:
    vertices = surfaces(mesh, crops)
    lens = crop_lenses(torch.as_tensor(HALF / crops.distance).to(vertices), torch.full((BATCH,), SIZE).to(vertices))
    _, _, seen = render_all(mesh, crops, vertices, lens, (SIZE, SIZE))
    b, v, u = torch.nonzero(seen.face >= 0, as_tuple=True)
    weights = torch.cat([seen.bary, 1 - seen.bary.sum(-1, keepdim=True)], -1)[b, v, u]
    places = (weights[..., None] * vertices[b[:, None], mesh.faces[seen.face[b, v, u]]]).sum(1)
    torch.testing.assert_close(places[:, 2], seen.depth[b, v, u], atol=2e-5, rtol=0)
    pixels = places[:, :2] / places[:, 2:] * lens[b, :2] + lens[b, 2:]
    torch.testing.assert_close(pixels, torch.stack([u, v], 1).float(), atol=0.01, rtol=0)


def test_perfect_cameras_see_the_same(model: HandModel, mesh: Mesh, crops: Scenes, skins: np.ndarray) -> None:
    perfect = replace(crops, sensors=perfect_sensors(BATCH))
    perfect.sensors["focal"][::2] = 200  # some with pixels coarser than the crop's
    generator = torch.Generator(mesh.faces.device).manual_seed(0)
    seen = see_depth(mesh, perfect, surfaces(mesh, perfect), SIZE, generator).cpu().numpy()
    expected = np.stack([samples.see_depth(model, perfect, skins[i], i, SIZE) for i in range(BATCH)])
    assert (np.abs(seen - expected) > 0.1e-3 / HALF).mean() < 2e-3


def test_cameras_faults_are_alike(model: HandModel, mesh: Mesh, crops: Scenes, skins: np.ndarray) -> None:
    generator = torch.Generator(mesh.faces.device).manual_seed(0)
    seen = see_depth(mesh, crops, surfaces(mesh, crops), SIZE, generator).cpu().numpy()
    expected = np.stack([samples.see_depth(model, crops, skins[i], i, SIZE) for i in range(BATCH)])
    nothing = [(pictures == 1).mean((1, 2)) for pictures in (seen, expected)]
    assert np.abs(nothing[0] - nothing[1]).max() < 0.05
    assert np.corrcoef(*nothing)[0, 1] > 0.99
    for i in range(BATCH):
        both = (np.abs(seen[i]) < 1) & (np.abs(expected[i]) < 1)
        if both.sum() > 300:
            difference = (seen[i] - expected[i])[both] * HALF
            assert abs(np.median(difference)) < 1e-3 + crops.sensors["step"][i]
            # each draws its own frayed edges: pixels on slopes are some millimetres apart
            assert np.median(np.abs(difference)) < 0.006 + 3 * crops.sensors["sigma"][i]


@pytest.mark.parametrize(("fault", "value"), [("sigma", 0.004), ("speckle", 0.3), ("blot", 0.2), ("dark", 0.4)])
def test_each_fault_is_as_strong(model: HandModel, device: str, fault: str, value: float) -> None:
    """One camera before a flat sleeve, a hundred times: both engines' errors and losses."""
    from training.hands.depth import measure
    from training.hands.parts import SLEEVE

    count, lens = 30, raster.crop_lens(0.2, SIZE)
    sensors = perfect_sensors(count)
    sensors[fault] = value
    flat, part = np.full((count, SIZE, SIZE), 0.5, np.float32), np.full((count, SIZE, SIZE), SLEEVE, np.uint8)
    expected = np.empty_like(flat)
    for i in range(count):
        measure(flat[i], part[i], sensors[i], lens, i, expected[i])
    got = sensor.measure(
        torch.as_tensor(flat, device=device), torch.as_tensor(part, device=device), sensors,
        torch.tensor([lens] * count, device=device, dtype=torch.float32), torch.full((count,), SIZE, device=device),
        torch.Generator(device).manual_seed(1),
    ).cpu().numpy()  # fmt: skip
    assert (got == 0).mean() == pytest.approx((expected == 0).mean(), abs=0.03)
    assert got[got > 0].std() == pytest.approx(expected[expected > 0].std(), rel=0.1, abs=1e-6)


def test_shadows_are_the_same(device: str) -> None:
    rng = np.random.default_rng(0)
    depth = rng.choice([0.4, 0.6, 1.0], (6, 16, 40)).astype(np.float32)
    depth[0, :, 10:] = np.inf
    shift = np.array([20.0, -20, 7, 0, 31, -3], np.float32)
    expected = np.empty(depth.shape, bool)
    for i in range(6):
        shadows(depth[i], shift[i], expected[i])
    got = sensor.shadows(torch.as_tensor(depth, device=device), torch.as_tensor(shift, device=device))
    assert (got.cpu().numpy() != expected).mean() < 0.002 and expected.any()
