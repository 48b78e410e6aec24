"""Pairs of PeerConnections on the loopback, connected by hand."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peer import PeerConfiguration, PeerConnection, SessionDescription
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiortc import RTCDataChannel

    from peer import DataChannel, IceCandidate, IceCandidateEvent, RtpTransceiver
    from peer.identity.fingerprints import Fingerprint
    from peer.states import SignalingState


def loopback(**options: Any) -> PeerConfiguration:
    """A configuration that binds the loopback only."""
    return PeerConfiguration(**{"interfaces": ("127.0.0.1",), **options})


@asynccontextmanager
async def pair(
    left: PeerConfiguration | None = None, right: PeerConfiguration | None = None
) -> AsyncIterator[tuple[PeerConnection, PeerConnection]]:
    """Two connections that do not know of each other yet."""
    async with (
        PeerConnection(left or loopback()) as offerer,
        PeerConnection(right or loopback()) as answerer,
    ):
        yield offerer, answerer


@asynccontextmanager
async def connected_pair(
    left: PeerConfiguration | None = None, right: PeerConfiguration | None = None
) -> AsyncIterator[tuple[PeerConnection, PeerConnection, DataChannel]]:
    """Two connections with a data channel of the first one's, open at both ends."""
    async with pair(left, right) as (offerer, answerer):
        coming = expected(answerer, "datachannel")
        channel = offerer.createDataChannel("first")
        await connect(offerer, answerer)
        await within(coming)
        await opened(channel)
        yield offerer, answerer, channel


def local(pc: PeerConnection) -> SessionDescription:
    """What the other side is to be sent."""
    description = pc.localDescription
    assert description is not None
    return description


def sections(pc: PeerConnection) -> list[str]:
    """The m-sections of our description, each from behind its `m=` on."""
    return local(pc).sdp.split("m=")[1:]


def only(pc: PeerConnection) -> RtpTransceiver:
    """Its one transceiver."""
    (transceiver,) = pc.getTransceivers()
    return transceiver


def direct(pc: PeerConnection, direction: str) -> None:
    """Set the direction of every transceiver."""
    for transceiver in pc.getTransceivers():
        transceiver.direction = direction


def without_candidates(description: SessionDescription) -> SessionDescription:
    """What a peer that trickles sends first."""
    lines = description.sdp.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    return SessionDescription("".join(kept), description.type)


def unbundled(description: SessionDescription) -> SessionDescription:
    """What a peer that cannot bundle offers: each m-section has a transport of its own."""
    return replace(description, sdp=re.sub(r"a=group:BUNDLE[^\r]*\r\n", "", description.sdp))


def forged(description: SessionDescription, fingerprint: Fingerprint) -> SessionDescription:
    """The description with another certificate's fingerprint."""
    text = re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:{fingerprint}", description.sdp)
    return replace(description, sdp=text)


def announced(pc: PeerConnection) -> str:
    """The fingerprint in our description."""
    found: list[str] = re.findall(r"a=fingerprint:(\S+ \S+)", local(pc).sdp)
    return found[0]


async def offer(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """An offer, set on both sides."""
    await offerer.setLocalDescription()
    await answerer.setRemoteDescription(local(offerer))


async def answer(answerer: PeerConnection, offerer: PeerConnection) -> None:
    """The answer to it, set on both sides."""
    await answerer.setLocalDescription()
    await offerer.setRemoteDescription(local(answerer))


async def gathered(pc: PeerConnection) -> SessionDescription:
    """Our next description, set at our side, with all candidates in it."""
    await pc.setLocalDescription()
    await within(pc.gathering_complete())
    return local(pc)


async def exchange(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """One offer and its answer."""
    await offer(offerer, answerer)
    await answer(answerer, offerer)


async def connect(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """One exchange, and what follows from it."""
    await exchange(offerer, answerer)
    await both_connected(offerer, answerer)


async def both_connected(*ends: PeerConnection) -> None:
    """Wait until each end is connected."""
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(end.connected() for end in ends))


async def opened(channel: RTCDataChannel) -> None:
    """Wait until a data channel is open."""
    if channel.readyState != "open":
        await happened(channel, "open")


def expected(emitter: Any, event: str) -> asyncio.Future[Any]:
    """The next event of a connection, a channel or a track: its argument, if it has any."""
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def note(*arguments: Any) -> None:
        emitter.remove_listener(event, note)
        if not result.done():
            result.set_result(arguments[0] if arguments else None)

    emitter.on(event, note)
    return result


async def happened(emitter: Any, event: str) -> Any:
    """Wait for that event."""
    return await within(expected(emitter, event))


async def within(work: Awaitable[Any]) -> Any:
    """What it gives, unless it takes too long."""
    async with asyncio.timeout(DEADLINE):
        return await work


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds of which no event tells."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - as the first line says
            await asyncio.sleep(0.005)


async def reached(pc: PeerConnection, event: str, condition: Callable[[], bool]) -> None:
    """Wait until something holds that may come true with an event."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await happened(pc, event)


async def signaling_state(pc: PeerConnection, state: SignalingState) -> None:
    """Wait until a connection is in a signalling state."""
    await reached(pc, "signalingstatechange", lambda: pc.signalingState is state)


async def says(channel: RTCDataChannel, text: str, other: RTCDataChannel) -> None:
    """Send a message, and wait until the other end has it."""
    arriving = expected(other, "message")
    channel.send(text)
    assert await within(arriving) == text


@asynccontextmanager
async def trickling(
    source: PeerConnection, target: PeerConnection
) -> AsyncIterator[list[IceCandidate | None]]:
    """Hand candidates over, in order, once the target has a description that they belong to.

    Gives the candidates as they are handed over.
    """
    handed: list[IceCandidate | None] = []
    found: asyncio.Queue[IceCandidate | None] = asyncio.Queue()
    ready = asyncio.Event()

    def note(event: IceCandidateEvent) -> None:
        found.put_nowait(event.candidate)

    def check() -> None:
        if target.remoteDescription is not None:
            ready.set()

    async def carry() -> None:
        await ready.wait()
        while True:
            candidate = await found.get()
            await target.addIceCandidate(candidate)
            handed.append(candidate)

    check()
    source.on("icecandidate", note)
    target.on("signalingstatechange", check)
    carrier = asyncio.create_task(carry())
    try:
        yield handed
    finally:
        carrier.cancel()
        await asyncio.wait([carrier])
        source.remove_listener("icecandidate", note)
        target.remove_listener("signalingstatechange", check)
        if not carrier.cancelled():
            carrier.result()
