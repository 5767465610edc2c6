"""Compare covariances with errors: of recordings with ground truth, how many joints lie in the ellipsoid of each level.

Prints the 50, 90 and 99 % ellipsoids, how many times the middle error is as large as its covariance says (1:
calibrated; more: overconfident), and the rank correlation of the hands' standard deviations with their errors (1: the
surer the better). Writes a page with the whole curve for every group of joints, and the error of the surest hands.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_ros.commands import common
from hand_pose_ros.types import HandPoseError

HELP = "do the covariances mean what they say? A table, and a page of calibration plots"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, nargs="+", metavar="FOLDER|BAG", help="frames folders or rosbag2s")
    parser.add_argument("-o", "--output", type=Path, metavar="PAGE", help="page of plots to write, .html")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw all recordings into one picture, .svg")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.evaluate import match_truth
    from hand_pose_ros.predict import predict
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.reports import calibration as report

    estimator = common.make_estimator(arguments)
    bundle = estimator.bundle
    results: dict[str, report.Calibration] = {}
    for path in arguments.recording:
        recording = open_recording(path)
        truth = recording.truth()
        if not truth:
            raise HandPoseError(f"{path}: has no ground truth to compare with; name a recording with joints_m or a bag "
                                "with a ground_truth topic")  # fmt: skip
        predictions = predict(
            estimator,
            recording.frames(),
            modalities=arguments.modalities,
            side=arguments.side,
            progress=common.show_progress(f"estimated {path.name}"),
        )
        common.end_progress()
        joints_m, _ = match_truth(predictions, truth)
        results[path.name] = report.calibration(predictions.joints_m, joints_m, predictions.joint_cov_m2)
    lead = f"{bundle.name} {bundle.version} ({bundle.hash}), looking at {arguments.modalities}"
    print(f"{lead}\n")
    print(f"{'recording':<24}{'joints':>8}{'in 50 %':>9}{'in 90 %':>9}{'in 99 %':>9}{'error / said':>14}{'ranks':>8}")
    for name, result in results.items():
        shares = "".join(f"{share:>9.1%}" for share in result.inside.values())
        print(f"{name:<24}{result.joints:>8}{shares}{result.error_over_said:>14.2f}{result.rank_correlation:>8.2f}")
    if arguments.output is not None:
        common.write_text(arguments.output, report.page(results, lead))
        print(f"\n{arguments.output}")
    if arguments.plot is not None:
        common.write_text(arguments.plot, report.figure(results), "--plot")
    if arguments.json is not None:
        figures = {
            name: {
                "joints": result.joints,
                "inside": {f"{level:g}": common.or_none(share) for level, share in result.inside.items()},
                "error_over_said": common.or_none(result.error_over_said),
                "rank_correlation": common.or_none(result.rank_correlation),
            }
            for name, result in results.items()
        }
        common.write_json(arguments.json, {"model": bundle.name, "modalities": arguments.modalities, **figures})
    return 0
