"""The log of a call: a stranger tells from it what happened and why."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
from pathlib import Path

import pytest

from peer import (
    Certificate,
    ConfigurationError,
    DtlsError,
    FingerprintError,
    PeerConnection,
    SdpSyntaxError,
    SdpType,
    SessionDescription,
)
from peer.tracing.environment import VARIABLE
from peer.tracing.events import RekeyEnded, StateChanged
from peer.tracing.file import read_trace
from tests.support.links.packet_load import flowing
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import (
    connect,
    exchange,
    expected,
    forged,
    loopback,
    opened,
    pair,
    until,
    within,
)

NONSENSE = SessionDescription(type=SdpType.OFFER, sdp="v=0\r\nnonsense\r\n")


async def call_with_changes() -> tuple[str, str]:
    """A call with new keys, a new path and two offers that are refused; who was who."""
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("chat")
        await connect(offerer, answerer)
        rekey = asyncio.create_task(offerer.rekey())
        await asyncio.sleep(0)
        await exchange(offerer, answerer)
        assert (await within(rekey)).changed
        offerer.restartIce()
        await exchange(offerer, answerer)
        weak = str((await answerer.createOffer()).sdp).replace(":sha-256 ", ":md5 ")
        with pytest.raises(FingerprintError):
            await offerer.setRemoteDescription(SessionDescription(type=SdpType.OFFER, sdp=weak))
        with pytest.raises(SdpSyntaxError):
            await offerer.setRemoteDescription(NONSENSE)
        return offerer.id, answerer.id


def lines(caplog: pytest.LogCaptureFixture, connection: str) -> list[str]:
    mark = f"[{connection}] "
    return [
        f"{r.levelname} {r.name} {r.getMessage().removeprefix(mark)}"
        for r in caplog.records
        if r.name.startswith("peer") and r.getMessage().startswith(mark)
    ]


def in_order(told: list[str], *patterns: str) -> bool:
    """Whether the lines that match come in this order, with any others in between."""
    rest = iter(told)
    return all(any(re.search(pattern, line) for line in rest) for pattern in patterns)


async def test_log_at_info_tells_what_happened_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="peer")
    offerer, answerer = await call_with_changes()

    told = lines(caplog, offerer)
    assert in_order(
        told,
        r"peer\.negotiation transport 0: DTLS association started: ready for a ClientHello before",
        r"peer\.connection signalingState is have-local-offer",
        r"peer\.negotiation transport 0: DTLS role server: setup actpass offered, active answered "
        r"\(RFC 5763 section 5\)",
        r"peer\.transport\.ice transport 0: path is 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+ ",
        r"peer\.transport\.dtls transport 0: handshake of association 1 is complete as server: ",
        r"peer\.transport\.dtls transport 0: certificate of association 1 matches: sha-256 ",
        r"peer\.connection connectionState is connected",
        # New keys: what was asked for, why the association is a new one, and when they are used.
        r"DTLS association started: our fingerprint, our tls-id and the peer's tls-id changed; "
        r"on the fresh candidates of an ICE restart \(RFC 8842 section 6\) "
        r"\(RFC 8842 section 3\.1\)",
        r"handshake of association 2 is complete",
        r"sends under the keys of association 2 \(RFC 5763 section 6\.8\)",
        r"peer\.rekey rekeyed in \d+\.\d+ s with an ICE restart, begun by the local end: it was "
        r"asked for here",
        # A new path, under the same keys.
        r"DTLS association kept: ICE restarts, which alone keeps the association",
        r"signalingState is stable",
        # Two offers that cannot be accepted.
        r"INFO peer\.negotiation the peer's offer is refused, nothing has changed: the hash md5 is "
        r"too weak; .*RFC 8122",
        r"INFO peer\.negotiation the peer's offer is refused, nothing has changed: a line starts "
        r"with one letter",
        r"peer\.connection connectionState is closed",
    )
    assert in_order(lines(caplog, answerer), "begun by the remote end: the peer asked for it")
    assert all(line.startswith("INFO ") for line in told)


async def test_log_at_debug_has_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="peer")
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("chat")
        await connect(offerer, answerer)
        descriptions = (offerer.localDescription, answerer.localDescription)
    assert "a=ice-pwd:..." in caplog.text
    assert "sends ClientHello" in caplog.text
    for description in descriptions:
        assert description is not None
        (password,) = set(re.findall(r"a=ice-pwd:(\S+)", description.sdp))
        assert password not in caplog.text


async def test_nothing_is_logged_per_packet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="peer")
    async with pair() as (offerer, answerer):
        chat = offerer.createDataChannel("chat")
        offerer.addTrack(ToneTrack(440.0))
        coming = expected(answerer, "datachannel")
        await connect(offerer, answerer)
        came: list[str | bytes] = []
        (await within(coming)).channel.on("message", came.append)
        await opened(chat)
        await flowing(offerer, answerer, 5)
        before = len(caplog.records)
        for number in range(200):
            chat.send(f"message {number}")
        await until(lambda: len(came) == 200)
        await flowing(offerer, answerer, 5)
        more = [r.getMessage() for r in caplog.records[before:] if r.name.startswith("peer")]
    # A connection that has just begun may still have something to say.
    assert len(more) < 20, more


async def test_log_can_be_turned_on_during_a_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="peer")
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("chat")
        await connect(offerer, answerer)
        assert not lines(caplog, offerer.id)
        caplog.set_level(logging.INFO, logger="peer")
        offerer.restartIce()
        await exchange(offerer, answerer)
        assert in_order(lines(caplog, offerer.id), "ICE restarts, which alone keeps")


async def test_environment_asks_for_a_trace_of_every_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    names = await call_with_changes()
    for name in names:
        (file,) = (each for each in os.listdir(tmp_path) if each.endswith(f"-{name}.trace"))
        events = read_trace(tmp_path / file)
        assert any(isinstance(event, RekeyEnded) and event.changed for event in events)
        states = [event.state for event in events if isinstance(event, StateChanged)]
        assert "have-local-offer" in states if name == names[0] else "have-remote-offer" in states
        assert states[-1] == "closed"


async def test_failure_is_a_warning_where_no_level_is_set(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="peer")
    async with pair(loopback(certificates=[Certificate.generate()])) as (offerer, answerer):
        offerer.createDataChannel("chat")
        await offerer.setLocalDescription()
        await offerer.gathering_complete()
        described = offerer.localDescription
        assert described is not None
        other = Certificate.generate().fingerprint()
        await answerer.setRemoteDescription(forged(described, other))
        await answerer.setLocalDescription()
        await answerer.gathering_complete()
        answer = answerer.localDescription
        assert answer is not None
        await offerer.setRemoteDescription(answer)
        with pytest.raises(DtlsError):
            await answerer.connected()
        told = lines(caplog, answerer.id)
    assert in_order(
        told, "WARNING peer.transport.dtls .*does not match", "WARNING peer.connection "
    )


async def test_refused_configuration_leaves_no_trace_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ConfigurationError):
        PeerConnection(loopback(key_log=tmp_path / "nowhere" / "log"))
    # An open file would be a ResourceWarning, and so an error of this run, when it is collected.
    gc.collect()
