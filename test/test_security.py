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
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
#: PyTorch reads pickles and runs saved code, so it is where networks are run alone, and nothing of it that loads.
TORCH_MODULE, TORCH_LOADERS = "torch_backend", ("torch.load", "torch.jit", "torch.hub", "torch.package", "torch.export")


@pytest.mark.parametrize("path", sorted((ROOT / "hand_pose_ros").rglob("*.py")), ids=lambda path: path.stem)
def test_no_data_becomes_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in FORBIDDEN_CALLS
            assert not called.startswith(TORCH_LOADERS)
            assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen")
            for keyword in node.keywords:
                assert (keyword.arg, ast.unparse(keyword.value)) not in {("allow_pickle", "True"), ("shell", "True")}
        imported = set()
        if isinstance(node, ast.Import):
            imported = {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            imported = {(node.module or "").split(".")[0]}
        assert not imported & FORBIDDEN_MODULES
        assert path.stem == TORCH_MODULE or "torch" not in imported


def test_a_manifest_cannot_make_objects(tmp_path):
    folder = make_test_bundle(tmp_path / "bundle")
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text() + f"evil: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n")
    with pytest.raises(HandPoseError, match="cannot be read"):
        load_bundle(folder)
    assert not (tmp_path / "made").exists()
