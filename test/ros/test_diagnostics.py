import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from hand_pose_ros.ros.diagnostics import Diagnostics

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
RGB, DEPTH, INFO = "/rgb", "/depth", "/info"
SECOND = 10**9
MODEL = {"name": "hand", "version": "1", "hash": "abc", "provider": "CPUExecutionProvider"}
PUBLISHERS = {RGB: 1, DEPTH: 1, INFO: 1}


def made(*, fallback: bool = True) -> Diagnostics:
    diagnostics = Diagnostics("ns/hand_pose")
    diagnostics.configured(MODEL, "CPUExecutionProvider")
    diagnostics.activated([RGB, DEPTH, INFO], fallback, SECOND // 2, 0)
    return diagnostics


def hear(diagnostics: Diagnostics, *topics: str, at: int = SECOND, estimated: int = 30) -> None:
    for topic in topics:
        diagnostics.received(topic, at)
    for index in range(estimated):
        diagnostics.estimated("optical", 1, (index + 1) * 1_000_000, 500_000, at)


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
    found = status(diagnostics, "inputs", publishers={RGB: 1, DEPTH: 1})
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


def test_doubtful_input_is_a_warning_until_it_is_cleared():
    diagnostics = made()
    for caution, level in (("/rgb: raw", WARN), (None, WARN), ("", OK)):
        hear(diagnostics, RGB, DEPTH, INFO)
        if caution is not None:
            diagnostics.caution(caution)
        found = status(diagnostics, "inputs")
        assert (found.level, found.message) == (level, "/rgb: raw" if level == WARN else "receiving")


def test_pictures_without_a_partner_are_a_warning_when_they_are_many():
    diagnostics = made()
    hear(diagnostics, RGB, DEPTH, INFO, estimated=90)
    diagnostics.unpaired(2)
    assert status(diagnostics, "inputs").level == OK
    hear(diagnostics, RGB, DEPTH, INFO, estimated=90)
    diagnostics.unpaired(2 + 20)
    found = status(diagnostics, "inputs")
    assert found.level == WARN and "10% of the pictures" in found.message and "sync_tolerance" in found.message


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
        diagnostics.superseded()
    found = status(diagnostics, "estimates")
    assert found.level == WARN and "5 pictures superseded" in found.message


def test_a_provider_that_silently_fell_back_is_a_warning():
    diagnostics = made()
    diagnostics.configured(MODEL, "CUDAExecutionProvider")
    found = status(diagnostics, "model")
    assert found.level == WARN and "CUDAExecutionProvider could not be started" in found.message
    assert values(found)["hash"] == "abc"


def test_lifecycle_states_are_no_alarms_but_a_failure_is():
    diagnostics = Diagnostics("ns/hand_pose")
    assert {s.level for s in diagnostics.report(Time(), {}, 0).status} == {OK}
    diagnostics.unconfigured("no such model")
    found = next(s for s in diagnostics.report(Time(), {}, 0).status if s.name.endswith("model"))
    assert (found.level, found.message) == (ERROR, "no such model")
    diagnostics = made()
    diagnostics.deactivated()
    assert {s.level for s in diagnostics.report(Time(), {}, 99 * SECOND).status} == {OK}
