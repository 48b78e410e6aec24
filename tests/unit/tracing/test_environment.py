"""`HANDFAST_TRACE=DIR`: a trace file for each connection, its owner's only."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from peer.times import UnixTime
from peer.tracing import environment
from peer.tracing.environment import VARIABLE, environment_trace
from peer.tracing.events import StateChanged
from peer.tracing.file import read_trace

EVENT = StateChanged(time=UnixTime(1.0), machine="connectionState", state="connected")


def test_nothing_is_written_without_the_variable() -> None:
    assert environment_trace("pc-1", {}) is None
    assert environment_trace("pc-1", {VARIABLE: ""}) is None


def test_event_is_on_the_disk_at_once_and_only_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    umask = os.umask(0)
    try:
        trace = environment_trace("pc-12", {VARIABLE: str(folder)})
    finally:
        os.umask(umask)
    assert trace is not None
    trace(EVENT)
    (path,) = folder.iterdir()
    assert path.name.endswith(f"-{os.getpid()}-pc-12.trace")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_trace(path) == [EVENT]
    trace.close()


def test_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert environment_trace("pc-1", {VARIABLE: str(tmp_path / "file" / "x")}) is None
    assert "no trace can be written to" in caplog.text
    assert "Not a directory" in caplog.text


def test_process_writes_a_bounded_number_of_traces(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_written", environment.MOST_FILES)
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        assert environment_trace("pc-1", {VARIABLE: str(tmp_path)}) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"1000 traces are written to {tmp_path}: no more follow"
    ]
    assert not list(tmp_path.iterdir())
