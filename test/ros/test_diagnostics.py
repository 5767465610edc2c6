import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from hand_pose_ros.ros.diagnostics import Diagnostics

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
RGB, DEPTH, INFO = "/rgb", "/depth", "/info"
SECOND = 10**9
MODEL = {"name": "hand", "folder": "/models/hand", "version": "1", "hash": "abc", "provider": "CPUExecutionProvider"}
IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
KINDS = {RGB: IMAGE, DEPTH: IMAGE, INFO: CAMERA_INFO}
PUBLISHERS = {topic: [kind] for topic, kind in KINDS.items()}


def made(*, fallback: bool = True) -> Diagnostics:
    diagnostics = Diagnostics("ns/hand_pose")
    diagnostics.configured(MODEL, {}, True)
    diagnostics.activated(KINDS, 2, fallback, SECOND // 2, 0)
    return diagnostics


def hear(diagnostics: Diagnostics, *topics: str, at: int = SECOND, estimated: int = 30) -> None:
    for topic in topics:
        diagnostics.received(topic, at)
    for index in range(estimated):
        diagnostics.estimated("optical", "colour", 1, (index + 1) * 1_000_000, 500_000, at)


def status(diagnostics: Diagnostics, part: str, *, now: int = SECOND, publishers=PUBLISHERS) -> DiagnosticStatus:
    report = diagnostics.report(Time(sec=3), publishers, now)
    assert report.header.stamp.sec == 3
    assert [s.name for s in report.status] == [f"ns/hand_pose: {p}" for p in ("inputs", "estimates", "model")]
    return next(s for s in report.status if s.name.endswith(part))


def values(found: DiagnosticStatus) -> dict[str, str]:
    return {value.key: value.value for value in found.values}


def test_all_well():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO)
    for part in ("inputs", "estimates", "model"):
        hear(diagnostics, RGB, DEPTH, INFO)
        found = status(diagnostics, part)
        assert found.level == OK and found.hardware_id == "optical"


def test_a_topic_that_never_came_is_an_error_with_its_name_and_remedy():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH)
    found = status(diagnostics, "inputs", publishers={RGB: [IMAGE], DEPTH: [IMAGE]})
    assert found.level == ERROR and "nothing received on /info" in found.message and "remap" in found.message
    assert values(found)["/info publishers"] == "0"
    found = status(diagnostics, "inputs")
    assert "QoS" in found.message, "there is a publisher, so it is not the remapping"


def test_a_stream_that_stopped_is_stale_or_a_warning_where_the_other_goes_on():
    for fallback, level in ((False, STALE), (True, WARN)):
        diagnostics = made(fallback=fallback)
        hear(diagnostics, RGB, DEPTH, INFO)
        hear(diagnostics, RGB, at=3 * SECOND)
        found = status(diagnostics, "inputs", now=3 * SECOND)
        assert found.level == level and "/depth silent for 2.0 s" in found.message


def test_everything_silent_is_stale_even_with_fallback():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO)
    assert status(diagnostics, "inputs", now=5 * SECOND).level == STALE
    found = status(diagnostics, "estimates", now=5 * SECOND)
    assert found.level == STALE and "4.0 s" in found.message


def test_camera_info_may_come_once():
    diagnostics = made()
    hear(diagnostics, INFO)
    hear(diagnostics, RGB, DEPTH, at=9 * SECOND)
    assert status(diagnostics, "inputs", now=9 * SECOND).level == OK


def test_bad_input_is_told_once_per_occurrence():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO)
    diagnostics.bad_input("/rgb: is broken")
    found = status(diagnostics, "inputs")
    assert (found.level, found.message) == (ERROR, "/rgb: is broken")
    assert status(diagnostics, "inputs").level == OK


def test_another_type_on_the_topic_is_named():
    diagnostics = made(fallback=False)
    hear(diagnostics, DEPTH, INFO)
    found = status(diagnostics, "inputs", publishers=PUBLISHERS | {RGB: ["sensor_msgs/msg/CompressedImage"]})
    assert found.level == ERROR and "published as sensor_msgs/msg/CompressedImage" in found.message


def lose(diagnostics: Diagnostics, rgb: int, depth: int, estimated: int = 90) -> DiagnosticStatus:
    hear(diagnostics, RGB, DEPTH, INFO, estimated=estimated)
    diagnostics.unpaired({"rgb": rgb, "depth": depth}, 12_000_000)
    return status(diagnostics, "inputs")


def test_pictures_without_a_partner_are_a_warning_when_they_are_many():
    diagnostics = made()
    assert lose(diagnostics, 1, 1).level == OK
    found = lose(diagnostics, 1 + 10, 1 + 10)
    assert found.level == WARN and "10% of the pictures" in found.message and "sync_tolerance" in found.message
    assert "12.0 ms" in found.message and values(found)["pairs lost (%)"] == "10.0"
    assert lose(diagnostics, 11, 11, estimated=10).level == WARN, "too few pictures to judge anew"
    assert lose(diagnostics, 11, 11).level == OK


def test_pictures_that_one_stream_alone_lacks_were_lost_too():
    assert lose(made(), 0, 10).level == WARN


def test_the_faster_cameras_surplus_is_no_loss():
    found = lose(made(), 90, 0)
    assert found.level == OK and values(found)["pairs lost (%)"] == "0.0"


def test_streams_that_never_meet_are_an_error():
    found = lose(made(), 90, 90, estimated=0)
    assert found.level == ERROR and "100% of the pictures find no partner" in found.message


def test_late_and_repeated_pictures_are_a_warning_and_silence_when_there_are_no_others():
    diagnostics = made()
    hear(diagnostics, *[RGB] * 10, DEPTH, INFO)
    for _ in range(3):
        diagnostics.received(RGB, SECOND, new=False)
    found = status(diagnostics, "inputs")
    assert found.level == WARN and found.message.startswith("/rgb: 3 pictures came late or repeat")
    assert values(found)["/rgb late or repeated"] == "3"
    diagnostics.received(RGB, 3 * SECOND, new=False)
    found = status(diagnostics, "inputs", now=3 * SECOND)
    assert found.level == STALE and "their stamps stand still" in found.message


def test_the_mode_changes_with_the_streams_and_what_is_made_of_them():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO, at=SECOND)
    both = diagnostics.mode(SECOND)
    assert both == diagnostics.mode(SECOND + 1)
    hear(diagnostics, RGB, at=2 * SECOND)
    alone = diagnostics.mode(2 * SECOND)
    assert alone != both
    hear(diagnostics, DEPTH, at=2 * SECOND)
    assert diagnostics.mode(2 * SECOND) == both
    diagnostics.estimated("optical", "depth", 1, 1, 1, 2 * SECOND)
    assert diagnostics.mode(2 * SECOND) not in (both, alone)


def test_incompatible_qos_names_topic_and_policy():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO)
    diagnostics.qos_mismatch(RGB, "DURABILITY")
    found = status(diagnostics, "inputs")
    assert found.level == ERROR and "/rgb" in found.message and "DURABILITY" in found.message


def test_latency_percentiles_and_rate():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO, estimated=100)
    found = values(status(diagnostics, "estimates", now=2 * SECOND))
    assert float(found["stamp to publish p50 (ms)"]) == pytest.approx(50.5, abs=0.1)
    assert float(found["stamp to publish p99 (ms)"]) == pytest.approx(99, abs=0.1)
    assert found["work p50 (ms)"] == "0.5"
    assert found["pictures per second"] == "50.0" and found["hands per picture"] == "1.00"


def test_superseded_pictures_are_a_warning():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO, estimated=10)
    for _ in range(5):
        diagnostics.dropped("superseded")
    found = status(diagnostics, "estimates")
    assert found.level == WARN and "5 pictures superseded" in found.message


def test_every_pair_is_accounted_for_from_activation_on():
    diagnostics = made()
    for _ in range(2):
        for _ in range(10):
            diagnostics.paired()
        for fate, count in (("superseded", 3), ("unusable", 2), ("without calibration", 1)):
            for _ in range(count):
                diagnostics.dropped(fate)
        hear(diagnostics, RGB, DEPTH, INFO, estimated=4)
        found = values(status(diagnostics, "estimates"))
    kinds = ("answered", "superseded", "unusable", "without calibration")
    assert [found[f"pairs {kind}"] for kind in kinds] == ["8", "6", "4", "2"] and found["pairs"] == "20"
    diagnostics.activated(KINDS, 2, True, SECOND // 2, 0)
    assert values(status(diagnostics, "estimates"))["pairs"] == "0"


def test_pictures_lost_on_the_way_are_a_warning_with_the_remedy():
    diagnostics = made()
    hear(diagnostics, *[RGB] * 10, DEPTH, INFO)
    diagnostics.lost(RGB, 5)
    found = status(diagnostics, "inputs")
    assert values(found)["/rgb lost on the way"] == "5"
    assert found.level == WARN and "/rgb: 5 pictures were lost on the way" in found.message
    hear(diagnostics, *[RGB] * 10, DEPTH, INFO)
    assert status(diagnostics, "inputs").level == OK


@pytest.mark.parametrize(("asked_for", "level"), [(True, WARN), (False, OK)])
def test_providers_passed_over_are_told_and_a_warning_where_they_were_asked_for(asked_for, level):
    diagnostics = made()
    diagnostics.configured(MODEL, {"CUDAExecutionProvider": "no driver"}, asked_for)
    found = status(diagnostics, "model")
    assert (found.level, found.message) == (
        level,
        "runs on CPUExecutionProvider, not on CUDAExecutionProvider: no driver",
    )
    assert values(found)["hash"] == "abc" and float(values(found)["memory (MB)"]) > 10


def test_a_model_replaced_on_disk_is_a_warning_until_it_is_loaded():
    diagnostics = made()
    diagnostics.model_replaced = True
    found = status(diagnostics, "model")
    assert found.level == WARN and "configure anew" in found.message
    diagnostics.configured(MODEL, {}, True)
    assert status(diagnostics, "model").level == OK


def test_lifecycle_states_are_no_alarms_but_a_failure_is():
    diagnostics = Diagnostics("ns/hand_pose")
    assert {s.level for s in diagnostics.report(Time(), {}, 0).status} == {OK}
    diagnostics.unconfigured("no such model")
    found = next(s for s in diagnostics.report(Time(), {}, 0).status if s.name.endswith("model"))
    assert (found.level, found.message) == (ERROR, "no such model")
    diagnostics = made()
    diagnostics.deactivated()
    assert {s.level for s in diagnostics.report(Time(), {}, 99 * SECOND).status} == {OK}
