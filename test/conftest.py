"""What all tests share. The ROS settings are made before anything imports rclpy, so that children inherit them too."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_configure() -> None:
    # On a busy machine an example may take as long as it likes.
    settings.register_profile("busy machine", deadline=None)
    settings.load_profile("busy machine")
    # A domain of our own, so that neither other nodes nor a second run of the tests on this machine are heard.
    # Linux keeps 0 to 101 free of clashes with ephemeral ports; 0 is everybody's default.
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(ROOT / "config" / "fastdds_shm.xml")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, which the project does not ship."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no {SHARED_DATA}: this test needs the real recordings, which are not part of the project")
    return SHARED_DATA
