"""Nothing that a model or a message brings is executed."""

import ast
from pathlib import Path

import pytest
from bundles import make_test_bundle

from hand_pose_ros.bundle import load_bundle
from hand_pose_ros.types import HandPoseError

ROOT = Path(__file__).resolve().parents[1]
#: Calls and modules that turn data into code.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "torch"}


@pytest.mark.parametrize("path", sorted((ROOT / "hand_pose_ros").rglob("*.py")), ids=lambda path: path.stem)
def test_no_data_becomes_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in FORBIDDEN_CALLS
            assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen")
            for keyword in node.keywords:
                assert (keyword.arg, ast.unparse(keyword.value)) not in {("allow_pickle", "True"), ("shell", "True")}
        if isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & FORBIDDEN_MODULES
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES


def test_a_manifest_cannot_make_objects(tmp_path):
    folder = make_test_bundle(tmp_path / "bundle")
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text() + f"evil: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n")
    with pytest.raises(HandPoseError, match="cannot be read"):
        load_bundle(folder)
    assert not (tmp_path / "made").exists()
