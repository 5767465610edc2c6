"""The set-up: it names what is missing, and does only what is not done yet."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOOD: dict[str, Any] = {
    "version": (3, 12), "system": "Linux", "machine": "x86_64",
    "has_header": True, "has_pip": True, "has_compiler": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def setup_env() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_env", ROOT / "tools" / "setup_env.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_good_machine_lacks_nothing(setup_env: ModuleType) -> None:
    assert setup_env.missing_from_machine(**GOOD) is None


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"version": (3, 9)}, "make setup PYTHON=python3.12"),
        ({"version": (3, 14)}, "make setup PYTHON=python3.12"),
        ({"machine": "aarch64"}, "build with colcon"),
        ({"has_header": False}, "sudo apt install python3.12-dev"),
        ({"has_pip": False, "has_compiler": False}, "sudo apt install python3.12-venv g++"),
    ],
)
def test_what_is_missing_is_named_with_its_command(setup_env: ModuleType, change: dict[str, Any], command: str) -> None:
    assert command in setup_env.missing_from_machine(**(GOOD | change))


def test_a_step_is_done_once_for_the_same_inputs(setup_env: ModuleType, tmp_path: Path) -> None:
    done: list[str] = []
    for key in ("a", "a", "b"):
        setup_env.step("name", key, lambda key=key: done.append(key), stamps=tmp_path)
    assert done == ["a", "b"]


def test_a_step_that_failed_is_done_again(setup_env: ModuleType, tmp_path: Path) -> None:
    def fail() -> None:
        raise setup_env.SetupError("no")

    setup_env.step("name", "a", lambda: None, stamps=tmp_path)
    with pytest.raises(setup_env.SetupError):
        setup_env.step("name", "b", fail, stamps=tmp_path)
    done: list[str] = []
    setup_env.step("name", "a", lambda: done.append("again"), stamps=tmp_path)
    assert done == ["again"]


def test_the_key_follows_contents_and_names(setup_env: ModuleType, tmp_path: Path) -> None:
    def key(name: str, text: str) -> str:
        folder = tmp_path / f"{name}{text}" / "folder"
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
        return str(setup_env.key_of("version", folder))

    assert len({key("a", "1"), key("a", "2"), key("b", "1")}) == 3
    assert setup_env.key_of("version", tmp_path) == setup_env.key_of("version", tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_requirement_is_pinned(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all("==" in line.split(";")[0] for line in lines)
