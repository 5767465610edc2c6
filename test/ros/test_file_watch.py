from pathlib import Path

import pytest

from hand_pose_ros.ros.file_watch import FileWatch


def replace(path: Path) -> None:
    (path.parent / "new").write_text("same")
    (path.parent / "new").rename(path)


@pytest.mark.parametrize(
    "change", [replace, Path.unlink, lambda path: path.write_text("longer than before")], ids=["new", "gone", "written"]
)
def test_a_change_is_noticed(tmp_path, change):
    files = [tmp_path / "one", tmp_path / "two"]
    for path in files:
        path.write_text("same")
    watch = FileWatch(files)
    assert not watch.changed()
    files[0].read_text()
    assert not watch.changed()
    change(files[1])
    assert watch.changed()


def test_nothing_watched_never_changes():
    assert not FileWatch([]).changed()
