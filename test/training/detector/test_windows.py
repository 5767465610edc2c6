"""Windows of photos show hands large and whole, or none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.detector.photos import Scene
from training.detector.windows import LARGEST, LEAST_BESIDE, SMALLEST, beside_hands, close_ups


def photo(*boxes) -> Scene:
    """480 x 270, black, with white hands."""
    rgb = np.zeros((270, 480, 3), np.uint8)
    for left, top, right, bottom in boxes:
        rgb[top:bottom, left:right] = 255
    return Scene(rgb, None, np.array(boxes, np.float64).reshape(-1, 4), np.full(len(boxes), np.nan))


@given(st.integers(0, 2**32 - 1), st.integers(0, 400), st.integers(0, 150))
def test_a_close_up_is_filled_by_its_hand(seed: int, left: int, top: int) -> None:
    (window,) = close_ups(np.random.default_rng(seed), photo((left, top, left + 60, top + 90)))
    height, width = window.rgb.shape[:2]
    ((x0, y0, x1, y1),) = window.boxes
    assert SMALLEST - 0.02 <= (y1 - y0) / height <= LARGEST and height <= width <= 480
    white = window.rgb[..., 0] > 0
    rows, columns = np.nonzero(white)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == [x0, y0, x1, y1]


def test_other_hands_in_a_close_up_are_told_where_enough_of_them_is_seen() -> None:
    two = photo((100, 100, 160, 190), (150, 100, 210, 190))
    counts = [len(window.boxes) for seed in range(20) for window in close_ups(np.random.default_rng(seed), two)]
    assert set(counts) == {1, 2}


def test_beside_hands_there_are_none() -> None:
    window = beside_hands(photo((100, 50, 150, 100), (200, 80, 260, 170)))
    assert window is not None and window.rgb.shape == (270, 220, 3) and not window.rgb.any() and not len(window.boxes)
    mirrored = beside_hands(photo((220, 50, 280, 100), (330, 80, 380, 170)))
    assert mirrored is not None and mirrored.rgb.shape == (270, 220, 3) and not mirrored.rgb.any()
    assert beside_hands(photo((round(LEAST_BESIDE * 480) - 20, 0, 470, 200))) is None
