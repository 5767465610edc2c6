"""Where to look for hands in a frame nobody knows anything about: several ways, all `frame -> regions`."""

from __future__ import annotations

from threading import Lock

from hand_pose_ros.detector.detector import HandDetector
from hand_pose_ros.estimator import Finder
from hand_pose_ros.region import find_regions, region_from_box, region_of_picture
from hand_pose_ros.types import FloatArray, HandPoseError, HandRegion, RgbdFrame

#: Places that the detector is less sure of than its own threshold are looked at, too: the hand model looks closer, and
#: says whether it believes in a hand there (docs/detector.md has what that finds, and what it takes for hands).
LEAST = 0.4


def learned(detector: HandDetector) -> Finder:
    """What the detector finds, at the distance of the nearest surface in its box where there is depth."""
    least = min(LEAST, detector.bundle.threshold)

    def find(frame: RgbdFrame, most: int) -> list[HandRegion]:
        return [region_from_box(frame, found.box) for found in detector.detect(frame, most, least)]

    return find


def automatic(detector: HandDetector, box_scale: float) -> Finder:
    """What the detector finds; where it finds nothing in depth alone, blobs.

    A picture that a hand fills half of, in colour alone, is taken whole: it was cut around that hand more evenly than
    the detector's box is. box_scale: side of a model's crop / side of the hand's box.
    """
    find = learned(detector)

    def find_either_way(frame: RgbdFrame, most: int) -> list[HandRegion]:
        found = find(frame, most)
        if frame.rgb is None:
            return found or find_regions(frame, most)
        if frame.depth_m is not None:
            return found
        half = max(frame.camera.width, frame.camera.height) / 2
        whole = region_of_picture(frame.camera, box_scale)
        return [whole if region.box_px > half else region for region in found]

    return find_either_way


def by_network(name: str, detector: HandDetector, box_scale: float) -> Finder:
    """The finder that users call by `name`, 'learned' or 'auto'."""
    return learned(detector) if name == "learned" else automatic(detector, box_scale)


class GivenBoxes:
    """Boxes that somebody else finds, in step with the pictures or not: those newest by their stamp.

    Boxes are added on one thread and asked for on another.
    """

    def __init__(self, oldest_s: float = 0.25) -> None:
        """oldest_s: how far a box's stamp may be from the picture's."""
        self._oldest_ns = round(oldest_s * 1e9)
        self._lock = Lock()
        self._stamp_ns = 0
        self._boxes: list[tuple[float, FloatArray]] = []

    def add(self, stamp_ns: int, box: FloatArray, confidence: float = 1.0) -> None:
        """One more box (4,) x, y, width, height in pixels: of the same picture as others with its stamp, or a new one.

        An older stamp than before begins anew, as a looped recording does.
        """
        with self._lock:
            if stamp_ns != self._stamp_ns:
                self._stamp_ns, self._boxes = stamp_ns, []
            self._boxes.append((confidence, box))

    def clear(self, stamp_ns: int) -> None:
        """No hand was found in the picture with this stamp; or what was is still to be added."""
        with self._lock:
            self._stamp_ns, self._boxes = stamp_ns, []

    def __call__(self, frame: RgbdFrame, most: int) -> list[HandRegion]:
        with self._lock:
            fresh = abs(frame.stamp_ns - self._stamp_ns) <= self._oldest_ns
            boxes = sorted(self._boxes, key=lambda entry: -entry[0]) if fresh else []
        regions = []
        for _, box in boxes:
            try:
                regions.append(region_from_box(frame, box))
            except HandPoseError:
                continue  # beside the picture: that of another camera or size
        return regions[:most]
