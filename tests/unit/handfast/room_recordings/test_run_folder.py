"""The folder of one run of the server, beside those of other servers and of killed ones."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from handfast.room_recordings.run_folder import run_folder

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = """
import sys, time
from pathlib import Path
from handfast.room_recordings.run_folder import run_folder
with run_folder(Path(sys.argv[1])) as path:
    (path / "secret.webm").write_bytes(b"recorded")
    print(path, flush=True)
    sys.stdin.read()
"""


def test_folder_is_for_nobody_else_and_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    with run_folder(tmp_path) as path:
        (path / "one").mkdir()
        (path / "one" / "file.webm").touch()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700

    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_killed_server_is_deleted_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        held = tmp_path / other.stdout.readline().strip().rsplit("/", 1)[1]
        with run_folder(tmp_path):
            assert (held / "secret.webm").exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (held / "secret.webm").exists()
        with run_folder(tmp_path):
            assert not held.exists()


def test_files_of_others_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "handfast-recordings-of-mine").mkdir()
    (tmp_path / "letter.txt").touch()
    with run_folder(tmp_path):
        pass

    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "handfast-recordings-of-mine",
        "letter.txt",
    ]


def test_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), run_folder(tmp_path / "gone"):
        pass
