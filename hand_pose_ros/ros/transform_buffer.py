"""Where frames were at a time: tf2's buffer, as far as this node needs it, since tf2_ros is not on PyPI.

As upstream: a child has one parent at a time, transforms are interpolated between two stamps and never extrapolated,
static ones hold at any time, and what is older than the history is dropped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import numpy as np

from hand_pose_ros.inputs.frames import stamp_ns
from hand_pose_ros.types import FloatArray, HandPoseError

#: tf2's default: ten seconds.
HISTORY_NS = 10_000_000_000


@dataclass(frozen=True)
class Rigid:
    """parent = rotation @ child + translation: rotation (3, 3), translation (3,) in metres."""

    rotation: FloatArray
    translation: FloatArray

    def __matmul__(self, inner: Rigid) -> Rigid:
        return Rigid(self.rotation @ inner.rotation, self.rotation @ inner.translation + self.translation)

    def inverse(self) -> Rigid:
        return Rigid(self.rotation.T, -self.rotation.T @ self.translation)


@dataclass
class _Link:
    """A child's places in its parent; a static one has a single place for all times."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    #: x, y, z, w and x, y, z of each.
    places: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)


class TransformBuffer:
    """Fed with tf2_msgs/TFMessage from any thread; asked with `lookup` from any other."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}
        self._changed = Condition()

    def add(self, transforms: Iterable[Any], *, static: bool) -> None:
        """Takes geometry_msgs/TransformStamped. Those that cannot be are left out, as tf2 does."""
        with self._changed:
            for transform in transforms:
                self._add(transform, static)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forgets what was said of times, as when the clock was set back; static transforms stay."""
        with self._changed:
            self._links = {child: link for child, link in self._links.items() if link.static}

    def lookup(self, target: str, source: str, at_ns: int, wait_s: float = 0.0) -> Rigid:
        """The transform that takes points of `source` into `target` at a stamp; 0 is the latest common one.

        wait_s: how long to wait for it to become known. Raises HandPoseError saying which part is not known.
        """
        with self._changed:
            found: list[Rigid] = []

            def known() -> bool:
                try:
                    found.append(self._lookup(target, source, at_ns))
                except HandPoseError:
                    return False
                return True

            if self._changed.wait_for(known, wait_s):
                return found[0]
            return self._lookup(target, source, at_ns)

    def _add(self, transform: Any, static: bool) -> None:
        parent, child = _plain(transform.header.frame_id), _plain(transform.child_frame_id)
        q, t = transform.transform.rotation, transform.transform.translation
        quaternion, translation = np.array([q.x, q.y, q.z, q.w]), np.array([t.x, t.y, t.z])
        length = float(np.linalg.norm(quaternion))
        finite = np.isfinite(length) and np.isfinite(translation).all()
        if not parent or not child or parent == child or not finite or abs(length - 1) > 0.01:
            return
        link = self._links.get(child)
        if link is None or link.parent != parent or link.static != static:
            link = self._links[child] = _Link(parent, static)
        place, at_ns = (quaternion / length, translation), stamp_ns(transform.header)
        if static:
            link.stamps, link.places = [at_ns], [place]
            return
        if link.stamps and at_ns < link.stamps[-1] - HISTORY_NS:
            return
        index = bisect_left(link.stamps, at_ns)
        if index < len(link.stamps) and link.stamps[index] == at_ns:
            link.places[index] = place
        else:
            link.stamps.insert(index, at_ns)
            link.places.insert(index, place)
        old = bisect_left(link.stamps, link.stamps[-1] - HISTORY_NS)
        del link.stamps[:old], link.places[:old]

    def _lookup(self, target: str, source: str, at_ns: int) -> Rigid:
        to, of = self._ancestors(_plain(target)), self._ancestors(_plain(source))
        common = next((frame for frame in of if frame in to), None)
        if common is None:
            raise HandPoseError(
                f"no transform connects '{source}' with '{target}' on /tf and /tf_static; have the camera's driver or "
                "robot_state_publisher publish it"
            )
        down, up = of[: of.index(common)], to[: to.index(common)]
        if at_ns == 0:
            moving = [self._links[child] for child in (*down, *up) if not self._links[child].static]
            at_ns = min((link.stamps[-1] for link in moving), default=0)
        return self._chain(up, at_ns).inverse() @ self._chain(down, at_ns)

    def _ancestors(self, frame: str) -> list[str]:
        frames = [frame]
        while (link := self._links.get(frames[-1])) is not None and link.parent not in frames:
            frames.append(link.parent)
        return frames

    def _chain(self, children: list[str], at_ns: int) -> Rigid:
        """From the first child's frame into the last one's parent."""
        whole = Rigid(np.eye(3), np.zeros(3))
        for child in children:
            whole = _place(child, self._links[child], at_ns) @ whole
        return whole


def _place(child: str, link: _Link, at_ns: int) -> Rigid:
    if link.static:
        return _rigid(*link.places[0])
    if not link.stamps[0] <= at_ns <= link.stamps[-1]:
        first, last = link.stamps[0] / 1e9, link.stamps[-1] / 1e9
        raise HandPoseError(
            f"the transform of '{child}' in '{link.parent}' is known from {first:.3f} to {last:.3f} s, not at "
            f"{at_ns / 1e9:.3f} s; check the clocks of the camera and of what publishes the transform"
        )
    after = bisect_left(link.stamps, at_ns)
    if link.stamps[after] == at_ns:
        return _rigid(*link.places[after])
    begin, end = link.stamps[after - 1], link.stamps[after]
    share = (at_ns - begin) / (end - begin)
    (q0, t0), (q1, t1) = link.places[after - 1], link.places[after]
    return _rigid(_slerp(q0, q1, share), (1 - share) * t0 + share * t1)


def _rigid(quaternion: FloatArray, translation: FloatArray) -> Rigid:
    x, y, z, w = quaternion
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return Rigid(rotation, translation)


def _slerp(q0: FloatArray, q1: FloatArray, share: float) -> FloatArray:
    """Shoemake 1985, the shorter way round."""
    cosine = float(q0 @ q1)
    if cosine < 0:
        q1, cosine = -q1, -cosine
    if cosine > 1 - 1e-9:
        mixed = (1 - share) * q0 + share * q1
    else:
        angle = np.arccos(cosine)
        mixed = (np.sin((1 - share) * angle) * q0 + np.sin(share * angle) * q1) / np.sin(angle)
    return mixed / np.linalg.norm(mixed)


def _plain(frame: str) -> str:
    return frame.removeprefix("/")
