"""Files with secrets: 0600 whatever the umask, no wider file, no symbolic link, nothing blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from peer.configuration import PeerConfiguration
from peer.errors import ConfigurationError
from peer.owner_only import create_owner_only
from peer.runtime.key_log import on_secret
from peer.tracing.capture import PcapngSink
from peer.tracing.file import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def key_log(path: Path) -> None:
    log = on_secret(PeerConfiguration(key_log=path), {})
    assert log is not None
    log(b"CLIENT_RANDOM")


@pytest.mark.usefixtures("_umask")
def test_files_with_secrets_are_for_their_owner_under_any_umask(tmp_path: Path) -> None:
    TraceWriter(tmp_path / "trace").close()
    PcapngSink(tmp_path / "capture").close()
    key_log(tmp_path / "keys")
    assert {each.name: oct(mode(each)) for each in tmp_path.iterdir()} == dict.fromkeys(
        ["trace", "capture", "keys"], "0o600"
    )


@pytest.mark.parametrize("wider", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused_and_stays(
    tmp_path: Path, wider: int
) -> None:
    path = tmp_path / "there"
    path.write_bytes(b"before")
    path.chmod(wider)
    with pytest.raises(PermissionError, match="others may read or write it: its mode is 06"):
        TraceWriter(path)
    with pytest.raises(PermissionError, match="others may read"):
        PcapngSink(path)
    with pytest.raises(ConfigurationError, match=r"cannot be written: others may read .* not 0600"):
        key_log(path)
    assert (path.read_bytes(), mode(path)) == (b"before", wider)


@pytest.mark.parametrize("leads_somewhere", [True, False])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, leads_somewhere: bool) -> None:
    target, path = tmp_path / "target", tmp_path / "link"
    if leads_somewhere:
        target.write_bytes(b"before")
        target.chmod(0o600)
    path.symlink_to(target)
    with pytest.raises(PermissionError, match="it is a symbolic link"):
        TraceWriter(path)
    with pytest.raises(ConfigurationError, match="cannot be written: it is a symbolic link"):
        key_log(path)
    assert target.exists() == leads_somewhere
    assert not leads_somewhere or target.read_bytes() == b"before"


def test_a_key_log_that_becomes_a_symbolic_link_gets_no_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, target = tmp_path / "keys", tmp_path / "target"
    log = on_secret(PeerConfiguration(key_log=path), {})
    assert log is not None
    path.unlink()
    path.symlink_to(target)
    log(b"CLIENT_RANDOM")
    assert not target.exists()
    assert "it is a symbolic link" in caplog.messages[-1]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    with pytest.raises(OSError, match="pipe"):
        TraceWriter(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(PermissionError, match="it is no regular file"):
            TraceWriter(path)
    finally:
        os.close(reader)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "there"
    create_owner_only(path, buffering=0).close()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        TraceWriter(path)


def test_an_own_file_is_emptied_by_a_trace_and_continued_by_a_key_log(tmp_path: Path) -> None:
    path = tmp_path / "there"
    for _ in range(2):
        key_log(path)
    assert path.read_bytes() == b"CLIENT_RANDOM\n" * 2
    TraceWriter(path).close()
    assert path.read_bytes() == b""
