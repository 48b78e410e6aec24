"""What a trace tells of calls between two connections: RFC 5763 section 7.1, as it happened."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, FingerprintError
from peer.tracing.events import (
    AssociationDecided,
    Datagram,
    DatagramDropped,
    DatagramKind,
    Described,
    Direction,
    Failed,
    FingerprintChecked,
    HandshakeCompleted,
    PathSelected,
    RoleChosen,
    StateChanged,
    TraceEvent,
    Verdict,
)
from peer.tracing.file import TraceWriter, read_trace
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import (
    answer,
    both_connected,
    connect,
    connected_pair,
    exchange,
    local,
    loopback,
    offer,
    pair,
    within,
)
from tests.support.tracing.traces import Sink, is_stun

if TYPE_CHECKING:
    from pathlib import Path

NEGOTIATION = (Described, RoleChosen, AssociationDecided)
CLIENT_FLIGHT = (
    "Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished (encrypted)"
)
SERVER_FLIGHT = "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone"
LAST_FLIGHT = "ChangeCipherSpec, Finished (encrypted)"


def negotiation(sink: Sink) -> list[str]:
    """What the descriptions said and decided."""
    return sink.story(lambda event: not isinstance(event, NEGOTIATION))


def security(sink: Sink) -> list[str]:
    """What the handshake was, up to its end."""

    def skip(event: TraceEvent) -> bool:
        if isinstance(event, StateChanged):
            return event.machine not in ("dtlsState", "connectionState")
        return is_stun(event) or isinstance(event, (*NEGOTIATION, PathSelected))

    story = sink.story(skip)
    return story[: story.index("connectionState connected")]


async def test_a_call_is_told_at_both_ends_as_the_rfc_draws_it() -> None:
    ours, theirs = Sink(), Sink()
    async with connected_pair(loopback(trace=ours), loopback(trace=theirs)):
        pass

    assert negotiation(ours) == [
        "out offer",
        "association started",
        "in answer",
        "server: actpass, active",
        "association kept",
    ]
    assert negotiation(theirs) == [
        "in offer",
        "out answer",
        "client: actpass, active",
        "association started",
    ]
    # Between the path and the state of the connection, in which the channel speaks already.
    served = security(ours)
    # The ClientHello may come together with the last check, and so before the path is known.
    assert served.index("dtlsState connecting") in (1, 2)
    served.remove("dtlsState connecting")
    assert served == [
        "connectionState connecting",
        "in ClientHello",
        f"out {SERVER_FLIGHT}",
        f"in {CLIENT_FLIGHT}",
        f"out {LAST_FLIGHT}",
        "handshake completed as server",
        "fingerprint matches",
        "dtlsState connected",
        "out ApplicationData",
    ]
    assert security(theirs) == [
        "connectionState connecting",
        "dtlsState connecting",
        "out ClientHello",
        f"in {SERVER_FLIGHT}",
        f"out {CLIENT_FLIGHT}",
        f"in {LAST_FLIGHT}",
        "handshake completed as client",
        "fingerprint matches",
        "dtlsState connected",
        "out ApplicationData",
    ]


async def test_both_ends_tell_of_the_same_path_checks_and_keys() -> None:
    ours, theirs = Sink(), Sink()
    async with connected_pair(loopback(trace=ours), loopback(trace=theirs)):
        pass

    (path,), (mirrored,) = ours.all(PathSelected), theirs.all(PathSelected)
    assert (path.local, path.remote) == (mirrored.remote, mirrored.local)
    requests = [e for e in ours.all(Datagram) if e.kind is DatagramKind.STUN_REQUEST]
    assert {e.detail for e in requests if e.direction is Direction.OUT} == {
        "ICE-CONTROLLING, USE-CANDIDATE"
    }
    assert {e.detail for e in requests if e.direction is Direction.IN} == {"ICE-CONTROLLED"}
    (keys,), (same,) = ours.all(HandshakeCompleted), theirs.all(HandshakeCompleted)
    assert (keys.version, keys.cipher, keys.srtp_profile) == (
        same.version,
        same.cipher,
        same.srtp_profile,
    )


async def test_the_times_never_go_back() -> None:
    sink = Sink()
    async with connected_pair(loopback(trace=sink)):
        pass
    times = [event.time for event in sink.events]
    assert times == sorted(times)


async def test_trace_has_every_state_to_the_last() -> None:
    sink = Sink()
    async with connected_pair(loopback(trace=sink)) as (offerer, _, _):
        await offerer.close()
    machines: dict[str, list[str]] = {}
    for event in sink.all(StateChanged):
        machines.setdefault(event.machine, []).append(event.state)
    assert machines == {
        "signalingState": ["have-local-offer", "stable", "closed"],
        "iceGatheringState": ["gathering", "complete"],
        "iceConnectionState": ["checking", "connected", "completed", "closed"],
        "connectionState": ["connecting", "connected", "closed"],
        "iceState": ["checking", "connected", "completed", "closed"],
        "dtlsState": ["connecting", "connected", "closed"],
    }


@pytest.mark.parametrize(
    ("event", "machine"),
    [
        ("signalingstatechange", "signalingState"),
        ("icegatheringstatechange", "iceGatheringState"),
        ("iceconnectionstatechange", "iceConnectionState"),
        ("connectionstatechange", "connectionState"),
    ],
)
async def test_a_state_is_told_before_a_handler_can_change_it(event: str, machine: str) -> None:
    sink = Sink()
    seen: list[tuple[str, str]] = []
    async with pair(loopback(trace=sink)) as (offerer, answerer):

        def look() -> None:
            told = [each.state for each in sink.all(StateChanged) if each.machine == machine]
            seen.append((told[-1], getattr(offerer, machine)))

        offerer.on(event, look)  # type: ignore[call-overload]  # an event by its parameter
        offerer.createDataChannel("chat")
        await connect(offerer, answerer)
        await offerer.close()
    assert len(seen) >= 2
    assert all(told == state for told, state in seen)


async def test_of_the_media_only_the_first_packet_is_told() -> None:
    sink = Sink()
    async with pair(loopback(trace=sink)) as (offerer, answerer):
        offerer.addTrack(ToneTrack(500))
        await connect(offerer, answerer)
        (receiver,) = answerer.getReceivers()
        for _ in range(10):
            await within(receiver.track.recv())
    media = [event for event in sink.all(Datagram) if event.kind is DatagramKind.SRTP]
    assert [event.direction for event in media] == [Direction.OUT]


async def test_a_certificate_that_does_not_match_ends_in_one_sentence_that_names_both() -> None:
    sink = Sink()
    announced = Certificate.generate().fingerprint()
    async with pair(loopback(trace=sink)) as (offerer, answerer):
        offerer.createDataChannel("chat")
        await offer(offerer, answerer)
        await answerer.setLocalDescription()
        described = local(answerer)
        shown = re.findall(r"a=fingerprint:(\S+ \S+)", described.sdp)[0]
        forged = described.sdp.replace(shown, str(announced))
        await offerer.setRemoteDescription(replace(described, sdp=forged))
        (failure,) = await sink.heard(Failed)
        story = sink.story(is_stun)

        assert failure.transport == "0"
        assert str(announced) in failure.sentence
        assert shown in failure.sentence
        assert story[-5:] == [
            "fingerprint does not match",
            "out Alert (bad_certificate)",
            "dtlsState failed",
            "connectionState failed",
            "failed",
        ]
        (check,) = sink.all(FingerprintChecked)
        assert (check.expected, check.shown) == ((str(announced),), shown)


async def test_a_client_hello_that_comes_before_the_answer_is_told_before_it() -> None:
    sink = Sink()
    async with pair(loopback(trace=sink)) as (offerer, answerer):
        offerer.createDataChannel("chat")
        await offer(offerer, answerer)
        await answerer.setLocalDescription()
        await within(answerer.connected())
        await sink.heard(HandshakeCompleted)
        await offerer.setRemoteDescription(local(answerer))
        await both_connected(offerer, answerer)
    story = sink.story(is_stun)
    moments = [
        "in ClientHello",
        "handshake completed as server",
        "in answer",
        "association kept",
        "fingerprint matches",
        "dtlsState connected",
    ]
    assert [line for line in story if line in moments] == moments


async def test_a_datagram_of_a_stranger_is_told_as_dropped() -> None:
    sink = Sink()
    async with connected_pair(loopback(trace=sink)) as (offerer, _, _):
        (place,) = re.findall(r"a=candidate:\S+ 1 udp \S+ (\S+) (\d+)", local(offerer).sdp)
        stranger, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(place[0], int(place[1]))
        )
        hello = bytes([22, 0xFE, 0xFD]) + bytes(11)
        for _ in range(3):
            stranger.sendto(hello)
        (dropped,) = await sink.heard(DatagramDropped)
        host, port = stranger.get_extra_info("sockname")
        stranger.close()
    assert len(sink.all(DatagramDropped)) == 1
    assert (dropped.kind, dropped.size) == (DatagramKind.DTLS, len(hello))
    assert (dropped.remote, dropped.section) == (f"{host}:{port}", "RFC 5763 section 6.7.1")


async def test_a_description_that_is_refused_is_told_with_its_reason() -> None:
    sink = Sink()
    async with connected_pair(loopback(trace=sink)) as (offerer, answerer, _):
        await answerer.setLocalDescription(await answerer.createOffer())
        described = local(answerer)
        forged = described.sdp.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1")
        with pytest.raises(FingerprintError) as refused:
            await offerer.setRemoteDescription(replace(described, sdp=forged))
    decided = sink.all(AssociationDecided)[-1]
    assert (decided.transport, decided.verdict) == ("0", Verdict.REFUSED)
    assert decided.reason == str(refused.value)


async def test_a_second_exchange_keeps_the_association() -> None:
    ours, theirs = Sink(), Sink()
    async with connected_pair(loopback(trace=ours), loopback(trace=theirs)) as (left, right, _):
        await exchange(right, left)
    for sink in (ours, theirs):
        assert negotiation(sink)[-1] == "association kept"
        assert len(sink.all(HandshakeCompleted)) == 1


class Capture(Sink):
    """A sink that wants data."""

    wants_data = True


async def test_a_sink_that_wants_data_gets_every_datagram_with_its_bytes() -> None:
    ours, theirs = Capture(), Capture()
    async with connected_pair(loopback(trace=ours), loopback(trace=theirs)):
        pass
    assert all(len(event.data) == event.size > 0 for event in ours.all(Datagram))
    sent = [e.data for e in ours.all(Datagram) if e.direction is Direction.OUT]
    received = [e.data for e in theirs.all(Datagram) if e.direction is Direction.IN]
    # The last of them found the other end closed.
    assert received == sent[: len(received)]
    assert any(event.repeated for event in ours.all(Datagram))


async def test_a_sink_that_raises_does_not_hurt_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: TraceEvent) -> None:
        if isinstance(event, Datagram):
            raise RuntimeError("the disk is full")

    with caplog.at_level(logging.ERROR, "peer.tracing.tracer"):
        async with connected_pair(loopback(trace=broken)) as (offerer, _, _):
            assert offerer.connectionState == "connected"
    assert len(caplog.records) == 1


async def test_a_trace_of_a_call_is_the_same_when_it_is_read_back(tmp_path: Path) -> None:
    sink = Capture()
    path = tmp_path / "call.jsonl"
    with TraceWriter(path) as writer:

        def both(event: TraceEvent) -> None:
            sink(event)
            writer(event)

        async with connected_pair(loopback(trace=both)):
            pass
    assert read_trace(path) == sink.events


async def test_trace_events_name_their_transport() -> None:
    sink = Sink()
    apart = loopback(bundlePolicy="max-compat")
    async with pair(replace(apart, trace=sink), apart) as (offerer, answerer):
        for _ in range(2):
            offerer.addTransceiver("audio")
        await offerer.setLocalDescription()
        text = re.sub(r"a=group:BUNDLE[^\n]*\n", "", local(offerer).sdp)
        await answerer.setRemoteDescription(replace(local(offerer), sdp=text))
        await answer(answerer, offerer)
        await both_connected(offerer, answerer)
    for kind in (PathSelected, HandshakeCompleted, FingerprintChecked):
        assert {event.transport for event in sink.all(kind)} == {"0", "1"}
