import threading

from hand_pose_ros.ros.worker import LatestWorker

DEADLINE = 10.0


def test_newest_wins_and_the_source_never_waits():
    begun, go, done = threading.Semaphore(0), threading.Semaphore(0), []

    def work(item: int) -> None:
        begun.release()
        go.acquire(timeout=DEADLINE)
        done.append(item)

    worker = LatestWorker(work, "test")
    assert not worker.submit(0)
    assert begun.acquire(timeout=DEADLINE)
    assert [worker.submit(item) for item in (1, 2, 3)] == [False, True, True]
    go.release()
    assert begun.acquire(timeout=DEADLINE)
    go.release()
    worker.stop()
    assert done == [0, 3]


def test_stop_drops_what_waits_and_ends_the_thread():
    begun, go, done = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        begun.set()
        go.wait(DEADLINE)
        done.append(item)

    worker = LatestWorker(work, "test-stop")
    worker.submit(1)
    assert begun.wait(DEADLINE)
    worker.submit(2)
    threading.Timer(0.05, go.set).start()
    worker.stop()
    assert done == [1]
    assert "test-stop" not in {thread.name for thread in threading.enumerate()}
