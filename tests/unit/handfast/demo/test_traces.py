"""Folder of the demo's traces: one file for each call, and a bounded number of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from handfast.cli import app
from handfast.demo.traces import TraceFolder
from peer.times import UnixTime
from peer.tracing.events import Failed
from peer.tracing.file import read_trace

EVENT = Failed(time=UnixTime(1.0), sentence="it broke")


def test_the_folder_is_made(tmp_path: Path) -> None:
    TraceFolder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()


def test_each_call_has_a_readable_trace_file(tmp_path: Path) -> None:
    folder = TraceFolder(tmp_path)
    for _ in range(3):
        with folder.writer() as writer:
            writer(EVENT)

    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert [read_trace(file) for file in files] == [[EVENT]] * 3


def test_the_oldest_one_makes_room_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "call-20000101-000000-0001.jsonl").touch()
    folder = TraceFolder(tmp_path, kept=2)
    for _ in range(3):
        folder.writer().close()

    names = {file.name for file in tmp_path.iterdir()}
    assert len(names) == 3
    assert "notes.txt" in names
    assert "call-20000101-000000-0001.jsonl" not in names


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    result = CliRunner().invoke(app, ["demo", "--port", "0", "--trace", str(path)])

    assert result.exit_code == 1
    assert result.stderr == f"error: Traces cannot be saved in {path}: File exists.\n"


@pytest.mark.parametrize("kept", [1, 5])
def test_no_more_than_so_many_are_kept(tmp_path: Path, kept: int) -> None:
    folder = TraceFolder(tmp_path, kept=kept)
    for _ in range(10):
        folder.writer().close()

    assert len(list(tmp_path.iterdir())) == kept
