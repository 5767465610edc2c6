"""Make `.venv`: ROS 2, ONNX Runtime and this project, all from PyPI. Needs Python with headers, g++, and nothing else.

    python3 tools/setup_env.py [test] [training] [view]

`test`, `training` and `view` add what the tests, the training and hand-pose view need. Every step leaves a stamp with a
hash of what went into it, so that a second run does only what changed, and a broken-off one goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = (PYTHON, "-m", "pip", "--disable-pip-version-check")
REQUIREMENTS = ROOT / "requirements"
EXTRAS = ("test", "training", "view")
OLDEST, NEWEST = (3, 10), (3, 13)
INTERFACES = (ROOT / "tools" / "interfaces" / "tf2_msgs", ROOT / "hand_pose_msgs")
#: What a sourced ROS installation, or a Python of another environment, would mix into this one.
FOREIGN = (
    "PYTHONPATH", "PYTHONHOME", "AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)  # fmt: skip


class SetupError(Exception):
    """What is missing or went wrong, and the command that helps."""


def missing_from_machine(
    version: tuple[int, int], system: str, machine: str, has_header: bool, has_pip: bool, has_compiler: bool
) -> str | None:
    """In one sentence what this machine lacks, with the command that installs it; None when nothing is missing."""
    python = f"python{version[0]}.{version[1]}"
    if not OLDEST <= version <= NEWEST:
        return (
            f"this is Python {version[0]}.{version[1]}, the project runs on 3.{OLDEST[1]} to 3.{NEWEST[1]}; install "
            "one (sudo apt install python3.12 python3.12-venv python3.12-dev) and say make setup PYTHON=python3.12"
        )
    if (system, machine) != ("Linux", "x86_64"):
        return (
            f"PyPI has ROS 2 for Linux on x86_64 only, this is {system} on {machine}; install ROS 2 Jazzy itself "
            "and build with colcon (README.md, 'On a robot')"
        )
    lacking = {
        f"{python}-dev": (not has_header, "Python.h"),
        f"{python}-venv": (not has_pip, "Python's venv module"),
        "g++": (not has_compiler, "a C++ compiler"),
    }
    packages = [package for package, (lacks, _) in lacking.items() if lacks]
    if not packages:
        return None
    things = " and ".join(thing for lacks, thing in lacking.values() if lacks)
    return f"{things} missing (for {sys.executable}); install with: sudo apt install {' '.join(packages)}"


def check_machine() -> None:
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    missing = missing_from_machine(
        sys.version_info[:2],
        platform.system(),
        platform.machine(),
        header.is_file(),
        importlib.util.find_spec("ensurepip") is not None,
        shutil.which("g++") is not None,
    )
    if missing:
        raise SetupError(missing)


def has_nvidia_driver() -> bool:
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program], capture_output=True).returncode == 0


def key_of(*inputs: Path | str) -> str:
    """A hash of texts, files, and folders of files."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            digest.update(item.encode())
            continue
        for path in sorted(item.rglob("*")) if item.is_dir() else [item]:
            if path.is_file():
                digest.update(path.relative_to(item.parent).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def step(name: str, key: str, work: Callable[[], None], stamps: Path = VENV / "stamps") -> None:
    """Do `work`, unless it was done before from the same inputs."""
    stamp = stamps / name
    if stamp.is_file() and stamp.read_text() == key:
        return
    print(f"set-up: {name} ...", flush=True)
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)
    print(f"set-up: {name} done in {time.monotonic() - started:.0f} s", flush=True)


def call(*command: str | Path) -> None:
    """Run a command, away from other environments; where it fails, show the end of what it said."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    environment["AMENT_PREFIX_PATH"] = str(VENV)
    done = subprocess.run(
        [str(part) for part in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-40:]), file=sys.stderr)
        raise SetupError(f"the command above failed: {' '.join(str(part) for part in command)}")


def install(*names: str) -> None:
    """Install requirement files by name, with NumPy and OpenCV held where the robot part has them."""
    files = [argument for name in names for argument in ("-r", REQUIREMENTS / f"{name}.txt")]
    call(*PIP, "install", "-c", REQUIREMENTS / "robot.txt", *files)


def point_exports_here() -> None:
    """The wheels' CMake exports name Python and NumPy of the machine that built them: name ours instead."""
    query = "import sysconfig, numpy; print(sysconfig.get_paths()['include']); print(numpy.get_include())"
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    python, numpy = subprocess.check_output([PYTHON, "-c", query], text=True, env=environment).splitlines()
    for path in VENV.glob("share/*/cmake/*Export.cmake"):
        text = path.read_text()
        fixed = re.sub(r"/opt/python/[^/;\"]+/lib/python[\d.]+t?/site-packages/numpy/_core/include", numpy, text)
        fixed = re.sub(r"/opt/python/[^/;\"]+/include/python[\d.]+t?", python, fixed)
        if fixed != text:
            path.write_text(fixed)


def install_robot(onnxruntime: str) -> None:
    # Both kinds of ONNX Runtime write the same files, so the other one has to go first.
    other = {"onnxruntime-cpu": "onnxruntime-gpu", "onnxruntime-gpu": "onnxruntime"}[onnxruntime]
    call(*PIP, "uninstall", "--yes", other)
    install("ros", "build", "robot", onnxruntime)
    point_exports_here()


def build_interfaces(source: Path) -> None:
    build = VENV / "build" / source.name
    shutil.rmtree(build, ignore_errors=True)
    call(
        *("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF"),
        *(f"-DCMAKE_PREFIX_PATH={VENV}", f"-DCMAKE_INSTALL_PREFIX={VENV}"),
        # Both spellings: the packages look for either.
        *(f"-DPython3_EXECUTABLE={PYTHON}", f"-DPYTHON_EXECUTABLE={PYTHON}"),
    )
    call("cmake", "--build", build)
    call("cmake", "--install", build)
    names = [path.stem for path in source.glob("msg/*.msg")]
    check = "from rclpy.type_support import check_for_type_support as check; "
    check += f"from {source.name}.msg import {', '.join(names)}; [check(name) for name in ({', '.join(names)},)]"
    call(PYTHON, "-c", check)


def set_up(extras: list[str]) -> None:
    check_machine()
    base = key_of(sys.version, sys.base_prefix, str(VENV))
    step("environment", base, partial(call, sys.executable, "-m", "venv", "--clear", VENV))

    onnxruntime = "onnxruntime-gpu" if has_nvidia_driver() else "onnxruntime-cpu"
    files = [REQUIREMENTS / f"{name}.txt" for name in ("ros", "build", "robot", onnxruntime)]
    step("packages", key_of(base, *files), partial(install_robot, onnxruntime))

    ros = key_of(base, REQUIREMENTS / "ros.txt")
    for source in INTERFACES:
        step(source.name, key_of(ros, source), partial(build_interfaces, source))

    project = key_of(base, ROOT / "setup.py", ROOT / "setup.cfg", ROOT / "package.xml")
    editable = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
    step("project", project, partial(call, *PIP, "install", *editable))

    for extra in extras:
        key = key_of(base, REQUIREMENTS / "robot.txt", REQUIREMENTS / f"{extra}.txt")
        step(extra, key, partial(install, extra))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extras", nargs="*", metavar="|".join(EXTRAS), help="what to add to the robot's part")
    arguments = parser.parse_args()
    unknown = set(arguments.extras) - set(EXTRAS)
    if unknown:
        parser.error(f"unknown extra {', '.join(sorted(unknown))}; there are: {', '.join(EXTRAS)}")
    try:
        set_up(arguments.extras)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
