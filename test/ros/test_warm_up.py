import gc

from bundles import make_test_bundle

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.ros.warm_up import warm_up


def test_a_whole_hand_goes_through(bundle, monkeypatch):
    estimator = HandEstimator(bundle)
    found = []
    estimate = estimator.estimate
    monkeypatch.setattr(estimator, "estimate", lambda *a, **k: found.append(estimate(*a, **k)) or found[-1])
    warm_up(estimator)
    assert [len(hands) for hands in found] == [1, 1, 1]
    assert {hand.modalities for hands in found for hand in hands} == {"rgbd"}


def test_a_model_that_sees_nothing_in_the_disc_is_no_failure(tmp_path):
    warm_up(HandEstimator(make_test_bundle(tmp_path / "weak", hand_z_m=-0.8)))


def test_while_a_model_is_loaded_the_collector_has_nothing_to_look_through(make_node):
    node = make_node()
    node.trigger_configure()
    assert gc.get_freeze_count() > 10_000 > len(gc.get_objects())
    node.trigger_cleanup()
    assert gc.get_freeze_count() == 0
