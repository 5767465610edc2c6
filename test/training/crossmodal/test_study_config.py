"""Experiments of the study: what is written in a file is what a row has, and mistakes are named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from studies import TINY, write_study

from hand_pose_ros.types import HandPoseError
from training.cli import EXPERIMENT
from training.crossmodal.config import read_study
from training.crossmodal.model import build_model


def test_a_row_has_the_common_settings_and_its_own(study: Path) -> None:
    experiment = read_study(study)
    both, one = experiment.rows["both"], experiment.rows["one"]
    assert both.pairs == (("joints_2d", "joints"), ("joints", "joints")) and one.pairs == both.pairs[:1]
    assert (both.latent, both.steps, one.lr) == (6, 40, 0.003)
    assert both.modalities == ("joints_2d", "joints")
    assert [both.beta_at(p) for p in (0, 0.5, 1)] == [0, 0.0005, 0.001]
    assert experiment.seeds == (1,) and experiment.benchmark.train == 64 and experiment.title == "Tiny"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1}, "'seeds' must be a list of whole numbers, not 1"),
        ({"rows": None}, "it needs settings and 'rows'"),
        ({"benchmark": {"train": 4}}, "benchmark: missing setting 'backgrounds'"),
        ({"strategy": "gan"}, "row 'both': there is no strategy 'gan'; there are pairs, cross"),
        ({"strategy": "joint", "pairs": []}, "row 'both': the strategy 'joint' needs at least one modality"),
        ({"strategy": "cross", "rows": {"a": {}}}, "'pairs' belong to the strategy 'pairs'"),
        ({"pairs": ["rgb>joints"]}, "row 'both': no encoder of 'rgb'; name one under 'encoders'"),
        ({"pairs": ["joints>rgb"]}, "row 'both': no decoder of 'rgb'"),
        ({"pairs": ["joints"]}, "pairs are written 'source>target'"),
        ({"invariances": "TX"}, "invariances are letters of TSHM, not 'TX'"),
        (
            {"points": 1024, "decoders": {"cloud": {"net": "folding"}, "joints": {}}},
            "of 256 points is compared with one of",
        ),
        (
            {
                "encoders": {"rgb_features": {}, "joints": {}},
                "invariances": "TM",
                "pairs": ["rgb_features>joints"],
                "source": "rgb_features",
                "rows": {"both": {}, "one": {}},
            },
            "frozen features are of pictures as they are; invariances 'M' would mirror them",
        ),
        ({"real_pictures": "crops"}, "row 'both': no decoder of 'rgb'"),
        (
            {"real_pictures": "crops", "decoders": {"rgb": {}, "joints": {}}},
            "'real_pictures' are of colour, which the source 'joints_2d' does not see",
        ),
        ({"rows": {"a": {"after": "b"}, "b": {}}}, "row 'a' comes after 'b', which is no row before it"),
        ({"labelled": 0}, "'labelled' is a share above 0 and up to 1, not 0"),
        ({"samples": 3}, "3 samples in batches of 16 make no step"),
        ({"learning_rate": 1}, "row 'both': unknown setting 'learning_rate'; the settings are after, auxiliary"),
        ({"claims": [{"says": "", "better": "x", "worse": "one"}]}, "name the row 'x', which is not there"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HandPoseError) as error:
        read_study(write_study(tmp_path, **changes))
    assert message in str(error.value) and "tiny.yaml" in str(error.value)


def test_missing_settings_and_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in TINY.items() if key != "lr"}))
    with pytest.raises(HandPoseError, match="row 'both': missing setting 'lr'"):
        read_study(path)
    with pytest.raises(HandPoseError, match=r"cannot read the experiment .*none\.yaml"):
        read_study(tmp_path / "none.yaml")


STUDIES = [p for p in sorted(EXPERIMENT.parent.glob("*.yaml")) if "kind: crossmodal" in p.read_text()]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_shipped_studies_can_be_built(path: Path) -> None:
    experiment = read_study(path)
    for row in experiment.rows.values():
        size = experiment.benchmark.size
        model = build_model(row.encoders, row.decoders, row.latent, "H" in row.invariances, size)
        assert set(model.encoders) == set(row.encoders) and row.target in model.decoders
