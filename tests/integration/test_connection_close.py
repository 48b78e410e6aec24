"""Closing at any moment: all tasks and sockets end within a second, and nobody complains."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, IceCandidate, IceServer, InvalidStateError, PeerConnection
from tests.support.negotiation.connection_media import RED, ColourTrack, ToneTrack, sees
from tests.support.negotiation.connection_state import eventually, nothing_left, promptly, sockets
from tests.support.negotiation.connections import (
    connect,
    connected_pair,
    exchange,
    expected,
    forged,
    happened,
    local,
    loopback,
    pair,
    reached,
    until,
    within,
    without_candidates,
)
from tests.support.network.ice import stun_server

if TYPE_CHECKING:
    from av.frame import Frame

    from peer import TrackEvent

EVENTS = [
    ("offerer", "negotiationneeded"),
    ("offerer", "signalingstatechange"),
    ("offerer", "icegatheringstatechange"),
    ("offerer", "icecandidate"),
    ("offerer", "iceconnectionstatechange"),
    ("offerer", "connectionstatechange"),
    ("answerer", "signalingstatechange"),
    ("answerer", "track"),
    ("answerer", "icegatheringstatechange"),
    ("answerer", "icecandidate"),
    ("answerer", "iceconnectionstatechange"),
    ("answerer", "connectionstatechange"),
    ("answerer", "datachannel"),
]


async def call(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """Everything up to the open channel, unless somebody closes before."""
    with contextlib.suppress(InvalidStateError):
        offerer.addTransceiver("audio")
        offerer.createDataChannel("x")
        await asyncio.sleep(0)
        await connect(offerer, answerer)


async def test_close_of_a_connection_that_did_nothing() -> None:
    async with nothing_left():
        pc = PeerConnection()
        with promptly():
            await pc.close()


async def test_close_while_a_stun_server_is_silent() -> None:
    async with stun_server(None) as server, nothing_left():
        pc = PeerConnection(loopback(iceServers=[IceServer(server.url)]))
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        await happened(pc, "icecandidate")
        assert pc.iceGatheringState == "gathering"
        with promptly():
            await pc.close()


async def test_close_while_ice_checks_stay_unanswered() -> None:
    async with stun_server(None) as nobody, nothing_left(), pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        await offerer.setLocalDescription()
        await answerer.setRemoteDescription(without_candidates(local(offerer)))
        await answerer.setLocalDescription()
        await offerer.setRemoteDescription(without_candidates(local(answerer)))
        port = nobody.url.rpartition(":")[2]
        text = f"candidate:1 1 udp 2122260223 127.0.0.1 {port} typ host"
        await offerer.addIceCandidate(IceCandidate(text, "0"))
        await until(lambda: nobody.requests > 0)
        assert offerer.iceConnectionState == "checking"
        with promptly():
            await offerer.close()


@pytest.mark.parametrize("end", ["offerer", "answerer"])
async def test_close_in_the_middle_of_the_handshake(end: str) -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        pc = offerer if end == "offerer" else answerer
        offerer.createDataChannel("x")
        await exchange(offerer, answerer)
        await reached(pc, "iceconnectionstatechange", lambda: pc.iceConnectionState != "checking")
        assert pc.connectionState == "connecting"
        with promptly():
            await pc.close()


async def test_close_of_a_connection_with_media_and_data() -> None:
    async with nothing_left(), pair() as (left, right):
        coming = expected(right, "track")
        for pc in (left, right):
            pc.addTrack(ColourTrack(RED))
            pc.addTrack(ToneTrack(440))
        left.createDataChannel("x")
        await connect(left, right)
        await sees((await within(coming)).track, RED)
        with promptly():
            await left.close()
        with promptly():
            await right.close()


@pytest.mark.parametrize(("end", "event"), EVENTS)
async def test_close_in_a_function_that_handles_an_event(end: str, event: str) -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        pc = offerer if end == "offerer" else answerer
        closing: list[asyncio.Task[None]] = []
        first = asyncio.Event()

        def handler(*_: object) -> None:
            closing.append(asyncio.create_task(pc.close()))
            first.set()

        pc.on(event, handler)  # type: ignore[call-overload]  # any event will do
        calling = asyncio.create_task(call(offerer, answerer))
        await within(first.wait())
        with promptly():
            await asyncio.gather(*closing)
        await offerer.close()
        await answerer.close()
        await within(calling)


@pytest.mark.parametrize(("end", "event"), EVENTS)
async def test_close_in_a_coroutine_that_handles_an_event(end: str, event: str) -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        pc = offerer if end == "offerer" else answerer
        begun, ended = asyncio.Event(), asyncio.Event()

        async def handler(*_: object) -> None:
            begun.set()
            await pc.close()
            ended.set()

        pc.on(event, handler)  # type: ignore[call-overload]  # any event will do
        calling = asyncio.create_task(call(offerer, answerer))
        await within(begun.wait())
        with promptly():
            # It lives to see the end of what it asked for.
            await within(ended.wait())
        await offerer.close()
        await answerer.close()
        await within(calling)


@pytest.mark.parametrize("turns", range(0, 90, 3))
async def test_close_after_any_number_of_turns_of_the_loop(turns: int) -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        calling = asyncio.create_task(call(offerer, answerer))
        for _ in range(turns):
            await asyncio.sleep(0)
        with promptly():
            await offerer.close()
        with promptly():
            await answerer.close()
        await within(calling)


async def test_close_twice_and_concurrently() -> None:
    async with nothing_left(), connected_pair() as (left, right, _):
        with promptly():
            await asyncio.gather(left.close(), left.close(), right.close(), left.close())
        await left.close()
        await left.close()


async def test_a_close_that_is_cancelled_still_closes() -> None:
    async with nothing_left(), connected_pair() as (left, _, _channel):
        closing = asyncio.create_task(left.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])

        assert closing.cancelled()
        with promptly():
            await left.close()


async def test_close_waits_for_the_operation_that_runs() -> None:
    async with nothing_left():
        pc = PeerConnection(loopback())
        before = sockets()
        pc.createDataChannel("x")
        describing = asyncio.create_task(pc.setLocalDescription())
        waiting = asyncio.create_task(pc.createOffer())
        await asyncio.sleep(0)
        assert not describing.done()
        with promptly():
            await pc.close()

        assert describing.done()
        await eventually(lambda: sockets() == before)
        for task in (describing, waiting):
            with pytest.raises(InvalidStateError, match="the connection is closed"):
                await task


async def test_a_handler_that_waits_for_ever_is_ended() -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        log: list[str] = []

        async def waits(*_: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                log.append("ended")

        answerer.on("track", waits)
        await call(offerer, answerer)
        with promptly():
            await answerer.close()

        assert log == ["ended"]


async def test_a_handler_that_reads_a_track_ends_with_it() -> None:
    async with nothing_left(), pair() as (left, right):
        frames = asyncio.Event()

        async def reads(event: TrackEvent) -> None:
            while True:
                await event.track.recv()
                frames.set()

        right.on("track", reads)
        left.addTrack(ToneTrack(440))
        await connect(left, right)
        await within(frames.wait())
        with promptly():
            await right.close()


async def test_a_handler_in_the_middle_of_an_operation_is_at_no_fault() -> None:
    async with nothing_left():
        pc = PeerConnection(loopback())

        async def offers() -> None:
            await pc.setLocalDescription()

        pc.on("negotiationneeded", offers)
        pc.createDataChannel("x")
        await happened(pc, "negotiationneeded")
        assert pc.signalingState == "stable"
        with promptly():
            await pc.close()


class Stubborn(ToneTrack):
    """A track that does not let itself be interrupted."""

    def __init__(self) -> None:
        super().__init__(440)
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def recv(self) -> Frame:  # type: ignore[override]  # it gives none
        self.asked.set()
        while not self.gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.gate.wait()
        raise RuntimeError("too late")


async def test_a_source_that_cannot_be_interrupted_holds_nothing_up() -> None:
    async with nothing_left(), pair() as (left, right):
        source = Stubborn()
        left.addTrack(source)
        await connect(left, right)
        await within(source.asked.wait())
        before = sockets()
        with promptly():
            await left.close()

        await eventually(lambda: sockets() != before)
        source.gate.set()


async def test_a_closed_event_reaches_its_handlers() -> None:
    async with nothing_left():
        pc = PeerConnection(loopback())
        seen: list[str] = []

        async def look() -> None:
            seen.append(pc.connectionState)

        pc.on("connectionstatechange", look)
        pc.on("connectionstatechange", lambda: seen.append(f"at once {pc.connectionState}"))
        await pc.close()

        assert seen == ["at once closed", "closed"]


async def test_a_connection_ends_with_its_context() -> None:
    async with nothing_left():
        pc = PeerConnection(loopback())

        async def fails() -> None:
            async with pc:
                pc.createDataChannel("x")
                await pc.setLocalDescription()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fails()

        assert pc.connectionState == "closed"


async def test_a_connection_that_failed_closes_like_any_other() -> None:
    async with nothing_left(), pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        await offerer.setLocalDescription()
        wrong = forged(local(offerer), Certificate.generate().fingerprint())
        await answerer.setRemoteDescription(wrong)
        await answerer.setLocalDescription()
        await offerer.setRemoteDescription(local(answerer))
        await reached(
            answerer, "connectionstatechange", lambda: answerer.connectionState == "failed"
        )
        with promptly():
            await answerer.close()
