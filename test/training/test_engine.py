"""The training loop on a toy problem, under a clock that ticks once per step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training import engine
from training.engine import EMA_DECAY, Endless, fit

LR = 0.02
Loss = Callable[[nn.Module, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Batch:
    x: np.ndarray
    y: np.ndarray


def lines(seed: int) -> Iterator[Batch]:
    """Points on y = 2 x - 1."""
    rng = np.random.default_rng(seed)
    while True:
        x = rng.normal(size=(16, 1)).astype(np.float32)
        yield Batch(x, 2 * x - 1)


def squared(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    loss = ((module(batch["x"]) - batch["y"]) ** 2).mean()
    return loss, {"half": loss.item() / 2}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second per step, and a checkpoint every 60."""
    now = iter(range(10**9))
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    monkeypatch.setattr(engine, "SAVE_EVERY_S", 60)


def train(
    folder: Path,
    loss: Loss = squared,
    make: Callable[[int], Iterator[Batch]] = lines,
    minutes: float = 5,
    module: nn.Module | None = None,
    stop_after: float | None = None,
) -> nn.Module:
    torch.manual_seed(0)
    module = module or nn.Linear(1, 1)
    return fit(
        module, loss, make, minutes=minutes, lr=LR, seed=1, folder=folder, name="toy", workers=0, stop_after=stop_after
    )


def checkpoint(folder: Path) -> dict:
    return torch.load(folder / "toy.ckpt", weights_only=True)


def interrupt_at(step: int) -> Loss:
    count = 0

    def loss(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        nonlocal count
        count += 1
        if count > step:
            raise KeyboardInterrupt
        return squared(module, batch)

    return loss


def test_the_loss_falls_and_is_logged(tmp_path: Path) -> None:
    train(tmp_path)
    log = [json.loads(line) for line in (tmp_path / "toy.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [100, 200, 300]
    assert [line["seconds"] for line in log] == [100, 200, 300]
    assert 20 * log[-1]["loss"] < log[0]["loss"]
    assert log[0]["half"] == pytest.approx(log[0]["loss"] / 2, abs=1e-3)
    state = checkpoint(tmp_path)
    assert (state["step"], state["seconds"]) == (300, 300)
    assert state["module"]["weight"].item() == pytest.approx(2, abs=0.05)
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def test_what_comes_back_is_the_moving_average(tmp_path: Path) -> None:
    weights = []

    def watched(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        weights.append(module.get_parameter("weight").item())
        return squared(module, batch)

    result = train(tmp_path, watched)
    state = checkpoint(tmp_path)
    after_each_step = [*weights[1:], state["module"]["weight"].item()]
    average = after_each_step[0]
    for weight in after_each_step[1:]:
        average = EMA_DECAY * average + (1 - EMA_DECAY) * weight
    assert result.get_parameter("weight").item() == pytest.approx(average, abs=1e-4)
    assert average != pytest.approx(after_each_step[-1], abs=0.01)
    assert state["average"]["module.weight"].item() == pytest.approx(average, abs=1e-4)


def test_buffers_are_averaged_too(tmp_path: Path) -> None:
    module = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))
    result = train(tmp_path, module=module, minutes=2)
    own, averaged = (m.get_buffer("0.running_var").item() for m in (module, result))
    assert averaged != own and averaged == pytest.approx(own, rel=0.5)


def test_an_interrupted_run_goes_on_where_it_was_saved_with_fresh_samples(tmp_path: Path) -> None:
    seeds = []

    def make(seed: int) -> Iterator[Batch]:
        seeds.append(seed)
        return lines(seed)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, interrupt_at(150), make)
    saved = checkpoint(tmp_path)
    assert 100 < saved["step"] <= 150 and saved["step"] == saved["seconds"]
    seen = []

    def watched(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        seen.append(module.get_parameter("weight").item())
        return squared(module, batch)

    train(tmp_path, watched, make)
    assert seen[0] == saved["module"]["weight"].item()
    assert saved["step"] + len(seen) == checkpoint(tmp_path)["step"] == 300
    assert len(set(seeds)) == 2
    done = checkpoint(tmp_path)

    again = train(tmp_path, interrupt_at(0), make)  # it is finished: not one step more
    assert again.get_parameter("weight").item() == done["average"]["module.weight"].item()


def test_a_loss_that_is_no_number_stops_training_and_spares_the_checkpoint(tmp_path: Path) -> None:
    count = 0

    def breaks(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        nonlocal count
        count += 1
        loss, logged = squared(module, batch)
        return loss * (float("nan") if count > 150 else 1), logged

    with pytest.raises(HandPoseError, match=r"toy\.ckpt: the loss is no number after 150 steps; lower 'lr'"):
        train(tmp_path, breaks)
    state = checkpoint(tmp_path)
    assert 100 < state["step"] <= 150 and state["module"]["weight"].isfinite().all()


def test_no_time_is_no_training(tmp_path: Path) -> None:
    for minutes in (0, -1):
        with pytest.raises(HandPoseError, match=f"toy: 'minutes' must be more than 0, not {minutes}"):
            train(tmp_path, minutes=minutes)


def test_resuming_ends_as_well_as_going_through(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, interrupt_at(150))
    resumed = train(tmp_path)
    (tmp_path / "through").mkdir()
    through = train(tmp_path / "through")
    assert resumed.get_parameter("weight").item() == pytest.approx(through.get_parameter("weight").item(), abs=0.1)


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth(tmp_path: Path) -> None:
    weights = []

    def watched(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        weights.append(module.get_parameter("weight").item())
        return 1e3 * module.get_parameter("weight").sum(), {}  # a constant gradient: Adam steps by the learning rate

    train(tmp_path, watched)
    steps = np.abs(np.diff(weights))
    assert steps[0] < 0.15 * LR
    assert steps.max() == pytest.approx(LR, rel=0.1) and 5 < steps.argmax() < 20
    assert steps[-1] == pytest.approx(LR / 100, rel=0.3)


def test_workers_draw_from_seeds_of_their_own() -> None:
    (first,) = islice(Endless(lines, 3), 1)
    (same,) = islice(Endless(lines, 3), 1)
    (other,) = islice(Endless(lines, 4), 1)
    assert isinstance(first["x"], Tensor) and set(first) == {"x", "y"}
    assert torch.equal(first["x"], same["x"]) and not torch.equal(first["x"], other["x"])
    loader = torch.utils.data.DataLoader(Endless(lines, 3), batch_size=None, num_workers=2)
    one, two = islice(loader, 2)
    assert not torch.equal(one["x"], two["x"])


def test_calls_that_stop_early_go_on_with_each_other(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    for folder in (parts, whole):
        folder.mkdir()
    for call in range(1, 4):
        train(parts, stop_after=2)
        assert checkpoint(parts)["seconds"] == pytest.approx(min(2 * call, 5) * 60, abs=3 * call)
    at_once = train(whole)
    assert checkpoint(parts)["step"] == pytest.approx(checkpoint(whole)["step"], abs=6)
    torch.testing.assert_close(train(parts).weight, at_once.weight, atol=0.05, rtol=0.05)
