"""Views of a hand: what encoders take and decoders aim at."""

import numpy as np
import pytest
import torch

from training.crossmodal.features import FEATURES
from training.crossmodal.modalities import HEAT_SIZE, MODALITIES, fields_of, heat_maps, views


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "joints": rng.normal(0, 0.04, (4, 21, 3)).astype(np.float32),
        "joints_2d": rng.uniform(-0.8, 0.8, (4, 21, 2)).astype(np.float32),
        "cloud": rng.normal(0, 0.04, (4, 1024, 3)).astype(np.float16),
        "depth": rng.uniform(-1, 1, (4, 32, 32)).astype(np.float16),
        "rgb": rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8),
        "mask": rng.random((4, 32, 32)) > 0.5,
        "right": np.array([1, 0, 1, 0], np.float32),
    } | {name: rng.normal(0, 1, (4, 112, 2, 2)).astype(np.float16) for name in FEATURES}


def test_every_modality_comes_from_the_arrays_it_names(arrays: dict[str, np.ndarray]) -> None:
    shapes = {"rgb": (3, 32, 32), "depth": (1, 32, 32), "joints_2d": (21, 2), "joints": (21, 3), "cloud": (256, 3)}
    shapes |= {"hand_rgb": shapes["rgb"], "hand_depth": shapes["depth"]}
    shapes |= {"heat": (21, HEAT_SIZE, HEAT_SIZE)} | dict.fromkeys(FEATURES, (112, 2, 2))
    for modality in MODALITIES:
        needed = {name: arrays[name] for name in fields_of((modality,))}
        seen = views(needed, (modality,), "TSH", 256)
        assert seen[modality].shape == (4, *shapes[modality]) and seen[modality].dtype == torch.float32
    colour = views(arrays, ("rgb",), "TSH", 256)["rgb"]
    np.testing.assert_allclose(colour[1, 2, 5, 7], arrays["rgb"][1, 5, 7, 2] / 255 - 0.5, rtol=1e-5)


def test_root_and_unit_follow_the_invariances(arrays: dict[str, np.ndarray]) -> None:
    both = ("joints", "cloud")
    known = views(arrays, both, "TSH", 256)
    assert known["joints"][:, 9].abs().max() == 0
    torch.testing.assert_close((known["joints"][:, 10] - known["joints"][:, 9]).norm(dim=1), torch.ones(4))
    assert views(arrays, both, "TH", 256)["unit"].unique().numel() == 1
    assert views(arrays, both, "SH", 256)["root"].abs().max() == 0
    for invariances in ("TSH", "TH", "SH", ""):
        seen = views(arrays, both, invariances, 256)
        back = seen["joints"] * seen["unit"] + seen["root"]
        torch.testing.assert_close(back, torch.from_numpy(arrays["joints"]))
        cloud = torch.from_numpy(arrays["cloud"][:, :256].astype(np.float32))
        torch.testing.assert_close(seen["cloud"] * seen["unit"] + seen["root"], cloud)


def test_left_hands_are_mirrored_where_the_row_says_so(arrays: dict[str, np.ndarray]) -> None:
    mirrorable = [modality for modality in MODALITIES if modality not in FEATURES]
    plain, mirrored = (views(arrays, tuple(mirrorable), invariances, 256) for invariances in ("TS", "TSM"))
    assert mirrored["right"].tolist() == [1, 1, 1, 1]
    for modality in mirrorable:
        torch.testing.assert_close(mirrored[modality][::2], plain[modality][::2])
        left, turned = plain[modality][1::2], mirrored[modality][1::2]
        if plain[modality].dim() == 4:
            torch.testing.assert_close(turned, left.flip(-1), rtol=1e-4, atol=1e-5)
        else:
            torch.testing.assert_close(turned[..., 0], -left[..., 0])
            torch.testing.assert_close(turned[..., 1:], left[..., 1:])
    nobody = views(arrays | {"right": np.full(4, 0.5, np.float32)}, ("rgb",), "TSM", 256)
    torch.testing.assert_close(nobody["rgb"], plain["rgb"])


def test_a_hand_alone_is_shown_on_nothing(arrays: dict[str, np.ndarray]) -> None:
    seen = views(arrays, ("rgb", "hand_rgb", "depth", "hand_depth"), "TSH", 256)
    hand = torch.from_numpy(arrays["mask"])
    for whole, alone, nothing in (("rgb", "hand_rgb", 0.5), ("depth", "hand_depth", 1.0)):
        whole, alone = (seen[m].transpose(0, 1) for m in (whole, alone))
        torch.testing.assert_close(alone[:, hand], whole[:, hand])
        assert (alone[:, ~hand] == nothing).all()


def test_heat_is_where_the_joint_is() -> None:
    joints = torch.tensor([[[-1 + 1 / 32, 1 - 1 / 32], [0.0, 0.0], [3.0, 0.0]]]).repeat(1, 7, 1)
    heat = heat_maps(joints)
    assert heat.shape == (1, 21, 32, 32)
    assert heat[0, 0].argmax() == 31 * 32 and heat[0, 0].max() == pytest.approx(1)
    rows, columns = torch.where(heat[0, 1] == heat[0, 1].max())
    assert set(rows.tolist()) == set(columns.tolist()) == {15, 16}
    assert heat[0, 2].max() < 1e-6
