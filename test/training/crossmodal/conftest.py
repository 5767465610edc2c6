"""What the tests of the study share."""

from pathlib import Path

import pytest
from studies import write_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """An experiment small enough to be trained in a test."""
    return write_study(tmp_path)
