"""The capture of a trace holds its datagrams, within its limit and for its owner only."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from peer.times import UnixTime
from peer.tracing.capture import PcapngSink
from peer.tracing.events import Datagram, DatagramKind, Direction
from tests.support.captures.pcapng import datagrams

if TYPE_CHECKING:
    from pathlib import Path


def datagram(data: bytes, *, local: str = "", remote: str = "") -> Datagram:
    return Datagram(
        time=UnixTime(1.5),
        direction=Direction.IN,
        kind=DatagramKind.DTLS,
        size=len(data),
        local=local,
        remote=remote,
        data=data,
    )


@pytest.mark.parametrize(
    ("local", "remote"), [("", ""), ("192.0.2.1:5", "[2001:db8::1]:6"), ("?", "?")]
)
def test_captured_datagram_without_addresses_gets_documentation_addresses(
    tmp_path: Path, local: str, remote: str
) -> None:
    with PcapngSink(tmp_path / "x") as sink:
        sink(datagram(b"abc", local=local, remote=remote))

    (found,) = datagrams((tmp_path / "x").read_bytes())
    assert (found.source, found.target) == ("192.0.2.2:9", "192.0.2.1:9")
    assert found.payload == b"abc"


def test_capture_ends_at_its_limit_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x"
    with PcapngSink(path, limit=5000) as sink:
        for _ in range(20):
            sink(datagram(bytes(1000)))

    assert path.stat().st_size <= 5000
    assert len(datagrams(path.read_bytes())) == 4
    (warning,) = caplog.messages
    assert str(path) in warning


def test_capture_is_readable_by_owner_only_and_may_be_closed_twice(tmp_path: Path) -> None:
    path = tmp_path / "x"
    sink = PcapngSink(path)
    sink(datagram(b"abc"))
    sink.close()
    sink.close()
    sink(datagram(b"too late"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(datagrams(path.read_bytes())) == 1
