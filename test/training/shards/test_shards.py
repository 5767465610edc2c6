"""Shards: complete samples, the same whenever they are made, that survive interruptions and tell of damage."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.cli import main
from training.hands.labels import Labels
from training.hands.model import HandModel, joint_positions, pose_bones
from training.hands.parts import FOREARM, NOTHING
from training.hands.pictures import Studio
from training.hands.scene import HALF
from training.hands.shapes import ShapeParameters, make_shapes
from training.hands.turns import bone_turns
from training.shards import write
from training.shards.read import ShardBatches, check_shards, read_shard
from training.shards.samples import BLOCK, Sample, make_block
from training.shards.write import Recipe, read_manifest, render_shards, shard_name

RECIPE = Recipe(seed=3, size=32, blocks=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of one block."""
    out = tmp_path_factory.mktemp("shards")
    assert render_shards(out, BLOCK + 1, RECIPE) == 2 * BLOCK
    return out


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def first(out: Path, shard: int = 0) -> Sample:
    return next(read_shard(out / shard_name(shard)))[1]


def test_samples_are_complete_and_their_labels_agree(folder: Path) -> None:
    names, samples = zip(*read_shard(folder / shard_name(1)), strict=True)
    assert list(names) == [f"{i:09d}" for i in range(BLOCK, 2 * BLOCK)]
    assert 0 < sum(not s["right"] for s in samples) < BLOCK
    (made,) = islice(make_block(Studio(None, None), RECIPE.seed, 1, RECIPE.size), 1)
    assert set(samples[0]) == set(made) >= {f.name for f in fields(Labels)}
    np.testing.assert_array_equal(samples[0]["rgb"], made["rgb"])
    np.testing.assert_allclose(samples[0]["depth"], made["depth"], atol=2e-5)
    off = []
    for sample in samples:
        seen = np.isfinite(sample["true_depth"])
        np.testing.assert_array_equal(seen, sample["part"] != NOTHING)
        in_picture = sample["joints"][:, :2] / sample["joints"][:, 2:] * sample["distance"] / HALF
        np.testing.assert_allclose(in_picture, sample["joints_2d"], atol=1e-4)
        # where the camera saw anything of the hand it saw about the truth; a pixel that is 8 mm wide, and colour and
        # depth that lie a pixel or two apart, may be far off on a hand that is seen at a slant
        hand = (sample["part"] > NOTHING) & (sample["part"] < FOREARM) & (np.abs(sample["depth"]) < 1)
        if hand.sum() > 30:
            measured = sample["distance"] + HALF * sample["depth"][hand]
            off.append(abs(np.median(measured - sample["true_depth"][hand])))
    assert len(off) > BLOCK / 2
    assert np.median(off) < 0.005 and max(off) < 0.03


def test_the_hand_can_be_made_again_from_its_labels(folder: Path, model: HandModel) -> None:
    samples = [sample for _, sample in read_shard(folder / shard_name(0))]
    held = {f.name: np.stack([sample[f.name] for sample in samples]) for f in fields(ShapeParameters)}
    shape = make_shapes(model, ShapeParameters(**held))
    maps, positions = pose_bones(shape, bone_turns(model, np.stack([sample["angles"] for sample in samples])))
    turn, shift, joints = (np.stack([s[name] for s in samples]) for name in ("wrist_turn", "wrist_shift", "joints"))
    own = joint_positions(model, shape, maps, positions)
    across = np.where([s["right"] for s in samples], 1, -1)[:, None, None] * [1.0, 0, 0] + [0, 1.0, 1.0]
    np.testing.assert_allclose((own * across) @ turn.transpose(0, 2, 1) + shift[:, None], joints, atol=1e-5)


def test_any_webdataset_reader_finds_its_groups(folder: Path) -> None:
    with tarfile.open(folder / shard_name(0)) as tar:
        members = tar.getnames()
    assert members[:2] == ["000000000.rgb.png", "000000000.depth.png"] and members[4] == "000000000.labels.npz"
    assert len(members) == 5 * BLOCK


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    _, digest = write.write_shard(tmp_path, RECIPE, 1)
    assert digest == read_manifest(folder)["shards"][shard_name(1)]["sha256"]
    write.write_shard(tmp_path, replace(RECIPE, seed=4), 0)
    assert not np.array_equal(first(tmp_path)["joints"], first(folder)["joints"])


def test_interrupted_runs_go_on(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    whole = write.write_shard

    def interrupted(out: Path, recipe: Recipe, number: int) -> tuple[int, str]:
        made.append(number)
        if number == 3:
            (out / "hands-000003.part").write_bytes(b"half of it")
            raise KeyboardInterrupt
        return whole(out, recipe, number)

    monkeypatch.setattr(write, "write_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_shards(copy, 4 * BLOCK, RECIPE)
    assert made == [2, 3]
    assert sorted(read_manifest(copy)["shards"]) == [shard_name(k) for k in range(3)]
    made.clear()
    monkeypatch.setattr(write, "write_shard", lambda out, recipe, k: (made.append(k), whole(out, recipe, k))[1])
    lines: list[str] = []
    render_shards(copy, 4 * BLOCK, RECIPE, tell=lines.append)
    assert made == [3] and lines[0] == "3 of 4 shards are there already"
    assert check_shards(copy) == [] and not list(copy.glob("*.part"))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def cut_between_samples(path: Path) -> None:
    """What is left is a tar file without its last samples, in which nothing else is wrong."""
    with tarfile.open(path) as tar:
        place = tar.getmembers()[5 * BLOCK // 2].offset
    path.write_bytes(path.read_bytes()[:place])


def empty(path: Path) -> None:
    """As a power cut leaves a file that never got to the disk."""
    path.write_bytes(b"")


DAMAGES = [flip_a_byte, cut_between_samples, empty]


def test_damage_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--out", str(copy), "--check"]) == 0
    flip_a_byte(copy / shard_name(0))
    cut_between_samples(copy / shard_name(1))
    sentences = check_shards(copy)
    assert len(sentences) == 2 and all(f"{shard_name(k)} is damaged" in sentences[k] for k in (0, 1))
    (copy / shard_name(1)).unlink()
    capsys.readouterr()
    assert main(["render", "--out", str(copy), "--check"]) == 1
    told = capsys.readouterr().out
    assert f"{shard_name(1)} is missing" in told and "2 of 2 shards are missing or damaged" in told


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_told_of_and_made_anew_when_rendering_goes_on(
    folder: Path, copy: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(copy / shard_name(1))
    made: list[int] = []
    whole = write.write_shard
    monkeypatch.setattr(write, "write_shard", lambda out, recipe, k: (made.append(k), whole(out, recipe, k))[1])
    lines: list[str] = []
    render_shards(copy, 2 * BLOCK, RECIPE, tell=lines.append)
    assert made == [1] and f"{shard_name(1)} is damaged" in lines[0] and lines[0].endswith("made anew")
    assert (copy / shard_name(1)).read_bytes() == (folder / shard_name(1)).read_bytes()
    assert check_shards(copy) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_readers_give_out_nothing_of_a_damaged_shard(copy: Path, damage: Callable[[Path], None]) -> None:
    for k in (0, 1):
        damage(copy / shard_name(k))
    with pytest.raises(HandPoseError, match=r"hands-00000.\.tar is damaged: .*; render again into .*, and it is made"):
        next(iter(ShardBatches(copy, 4)))


def test_another_recipe_is_refused(folder: Path, copy: Path) -> None:
    with pytest.raises(HandPoseError, match="another recipe"):
        render_shards(folder, 1, replace(RECIPE, seed=9))
    (folder / "empty").mkdir(exist_ok=True)
    manifest = read_manifest(copy)
    manifest["labels"].remove("palm_scale")
    (copy / write.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(HandPoseError, match="another recipe: their labels"):
        render_shards(copy, 1, RECIPE)
    with pytest.raises(HandPoseError, match=r"is .* a folder of shards"):
        check_shards(folder / "empty")


def test_readers_share_the_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for part in range(2):
        monkeypatch.setattr("training.shards.read.part_of_the_work", lambda part=part: (part, 2))
        batches = list(islice(ShardBatches(folder, 16), 4))
        assert batches[0]["rgb"].shape == (16, 32, 32, 3)
        seen.append({tuple(joints.ravel()[:3].tolist()) for batch in batches for joints in batch["joints"]})
    assert len(seen[0]) == len(seen[1]) == BLOCK and not seen[0] & seen[1]
    monkeypatch.setattr("training.shards.read.part_of_the_work", lambda: (2, 3))
    with pytest.raises(HandPoseError, match="2 shards cannot be shared by 3 readers"):
        next(iter(ShardBatches(folder, 16)))
