"""Follow the hands of a recording and print how steady they are, with and without the filter, and how good predictions.

Jitter is what changes from picture to picture though the hand does not: the noise of a joint in 3D, from second
differences of its error. Lag is how long ago the hand was where it is reported, from the error along the velocity.
A hand is at rest below 0.03 m/s and in motion above 0.10 m/s. Without ground truth, lag is against the model's own
joints smoothed to both sides. Predictions are of hands that were seen until so many seconds before.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

from hand_pose_ros.commands import common
from hand_pose_ros.types import HandPoseError

HELP = "follow hands through a recording: jitter, lag and predictions, with and without the filter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, nargs="+", metavar="FOLDER|BAG", help="frames folders or rosbag2s")
    parser.add_argument("--fps", type=float, default=30.0, help="pictures a second of a folder (default: %(default)s)")
    parser.add_argument("--max-hands", type=int, default=1, metavar="N", help="most hands (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.tracking import steadiness as steady

    if not 0 < arguments.fps < float("inf"):
        raise HandPoseError(f"--fps {arguments.fps}: give the pictures a second of the recording, such as 30")
    estimator = common.make_estimator(arguments)
    courses: list[steady.Course] = []
    pictures = numbers = 0
    for path in arguments.recording:
        recording = open_recording(path)
        followed = steady.follow(
            estimator,
            recording.frames(),
            recording.truth(),
            fps=arguments.fps,
            max_hands=arguments.max_hands,
            modalities=arguments.modalities,
            side=arguments.side,
            progress=common.show_progress(f"followed {path.name}"),
        )
        common.end_progress()
        courses += followed.courses
        pictures, numbers = pictures + followed.pictures, numbers + followed.numbers
    if not courses:
        raise HandPoseError(
            f"no hand was followed through {steady.SHORTEST} pictures; look at a longer recording of one"
        )
    followed_pictures = sum(len(course.seconds) for course in courses)
    changes = sum(one != other for course in courses for one, other in pairwise(course.sides))
    plain = steady.steadiness(courses, [course.joints_m for course in courses])
    smooth = steady.steadiness(courses, [steady.filtered(course)[0] for course in courses])
    ahead = steady.predictions(courses)
    bundle = estimator.bundle
    print(f"recordings       {', '.join(path.name for path in arguments.recording)}, looking at {arguments.modalities}")
    print(f"model            {bundle.name} {bundle.version} ({bundle.hash}) on {estimator.provider}")
    print(f"pictures         {pictures}, with a hand followed in {followed_pictures}, in {len(courses)} courses")
    print(f"numbers          {numbers} given to hands")
    print(f"side             changed {changes} times while followed\n")
    print(f"{'':<12}{'error':>10}{'jitter, rest':>15}{'in motion':>12}{'lag':>10}")
    for name, row in (("model alone", plain), ("filtered", smooth)):
        print(
            f"{name:<12}{row.error_mm:>7.1f} mm{row.jitter_rest_mm:>12.2f} mm{row.jitter_motion_mm:>9.2f} mm"
            f"{row.lag_ms:>7.1f} ms"
        )
    print(f"\n{'unseen for':<12}{'predicted':>12}{'standing still':>17}{'in the 90 % ellipsoid':>24}")
    for prediction in ahead:
        print(
            f"{prediction.seconds * 1e3:>7.0f} ms  {prediction.error_mm:>9.1f} mm"
            f"{prediction.standing_still_mm:>14.1f} mm{prediction.inside_90:>24.0%}"
        )
    if arguments.json is not None:
        figures = {
            "recordings": [str(path) for path in arguments.recording],
            "modalities": arguments.modalities,
            "model": {"name": bundle.name, "version": bundle.version, "hash": bundle.hash},
            "pictures": pictures,
            "followed": followed_pictures,
            "courses": len(courses),
            "numbers": numbers,
            "side_changes": changes,
            "model_alone": steady.as_dict(plain),
            "filtered": steady.as_dict(smooth),
            "predictions": [steady.as_dict(prediction) for prediction in ahead],
        }
        common.write_json(arguments.json, figures)
    return 0
