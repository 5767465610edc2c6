"""What the tests of training share."""

import numpy as np
import pytest
import torch

from training.hands.model import BONE_COUNT, Array, HandModel, HandShape, load_hand_model
from training.hands.scene import Scenes, sample_scenes, surfaces


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Networks this small only wait for each other's threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model() -> HandModel:
    return load_hand_model()


@pytest.fixture(scope="session")
def rest(model: HandModel) -> HandShape:
    """The mean hand as it is, a batch of one."""
    skin = len(model.mean) - 21
    vertices, heads, tips = np.split(model.mean[None], [skin, skin + 16], axis=1)
    scales = np.broadcast_to(np.eye(3), (1, BONE_COUNT, 3, 3))
    return HandShape(vertices, heads, tips, scales, np.ones(1))


@pytest.fixture(scope="session")
def scenes(model: HandModel) -> Scenes:
    """As many hands as make shares and quantiles mean something."""
    return sample_scenes(model, np.random.default_rng(5), 300)


@pytest.fixture(scope="session")
def vertices(model: HandModel, scenes: Scenes) -> Array:
    """The scenes' skin and forearms."""
    return surfaces(model, scenes)


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Where the torch engine runs; CUDA where there is any."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here: the engine runs the same code on the CPU")
    return str(request.param)
