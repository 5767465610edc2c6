"""Real hands and what is known of them."""

from pathlib import Path

import numpy as np
import pytest
from real_hands import write_photos, write_sign

from hand_pose_ros.types import HandPoseError
from training.detector.cutouts import is_held_out as is_held_out_person
from training.detector.photos import is_held_out as is_held_out_film
from training.pseudo.sources import hands_of_photos, hands_of_signs


def test_photos_have_boxes_in_their_own_pixels_and_films_held_out_are_left_out(tmp_path: Path) -> None:
    films = [f"train_{n}_pic00001.jpg" for n in range(40)]
    write_photos(tmp_path, dict.fromkeys(films, "3-hand"))
    hands = list(hands_of_photos(tmp_path))
    assert {hand.name for hand in hands} == {name for name in films if not is_held_out_film(name)} != set(films)
    np.testing.assert_allclose(hands[0].box, [60, 120, 120, 180])
    assert hands[0].side is None and hands[0].alpha is None


@pytest.mark.parametrize(("kind", "counts"), [("0-hand", {0}), ("3-hand", {2, 3}), ("5-hand", {4})])
def test_a_count_of_fingers_may_have_the_thumb_among_them(tmp_path: Path, kind: str, counts: set[int]) -> None:
    name = next(f"train_{n}_pic1.jpg" for n in range(40) if not is_held_out_film(f"train_{n}_pic1.jpg"))
    write_photos(tmp_path, {name: kind})
    (hand,) = hands_of_photos(tmp_path)
    assert set(hand.stretched.sum(1)) == counts


def test_signs_are_right_hands_with_their_fingers_known(tmp_path: Path) -> None:
    numbers = range(1000, 3000, 100)
    for number in numbers:
        write_sign(tmp_path, "7", number)
    hands = list(hands_of_signs(tmp_path))
    assert {hand.name for hand in hands} == {
        f"IMG_{n}.JPG" for n in numbers if not is_held_out_person(f"IMG_{n}.JPG")
    }  # fmt: skip
    assert all(hand.side == "right" for hand in hands)
    assert hands[0].stretched.tolist() == [[True, True, False, True]]
    assert hands[0].alpha is not None and hands[0].alpha[55, 50] == 255 and hands[0].alpha[5, 5] == 0
    x, y, width, height = hands[0].box
    assert 20 < x < 30 and 25 < y < 35 and 45 < width < 55 and height > 30


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="no table of hand boxes"):
        list(hands_of_photos(tmp_path))
    with pytest.raises(HandPoseError, match="no pictures of signs"):
        list(hands_of_signs(tmp_path))
    name = next(f"train_{n}_pic1.jpg" for n in range(40) if not is_held_out_film(f"train_{n}_pic1.jpg"))
    write_photos(tmp_path, {name: "1-hand"})
    (tmp_path / "images" / name).write_bytes(b"no picture")
    with pytest.raises(HandPoseError, match=f"cannot read the picture .*{name}"):
        list(hands_of_photos(tmp_path))
