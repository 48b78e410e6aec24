"""Subjects of the rekey benchmark: one call that changes its keys, ours and aiortc's."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, Self

from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import RTCRtpSender
from av import Packet

from peer import PeerConfiguration, PeerConnection
from signaling import Negotiator, channel_pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine
    from types import TracebackType

    from aiortc.rtcrtpparameters import RTCRtpCodecCapability
    from aiortc.rtp import RtpPacket

    from peer import RtpReceiver

#: RTP packets a second, each way (ours).
RATE = 1000
#: RTP clock rate of PCMU in Hz (RFC 3551 section 6), and samples in each packet.
_CLOCK_RATE = 8000
_SAMPLES = _CLOCK_RATE // RATE
#: Seconds of media before and after each change (ours).
_MARGIN = 0.3
#: Seconds until a call that carries no packet counts as broken (ours).
_TIMEOUT = 20.0
#: Seconds and changes over which processor time is taken: that of one change is lost in the noise.
_LONG = 2.0
_IN_A_ROW = 20
#: Frames that the reader keeps while the event loop stalls: a second of them.
_QUEUE = RATE
_TAPPED = "_handle_rtp_packet"


class LiveClicks(MediaStreamTrack):
    """Produces numbered audio packets in real time; skips those that were not fetched in time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._start = time.perf_counter()
        self._number = 0
        self._fetched: list[int] = []

    def take(self) -> list[int]:
        """Numbers of the packets that were fetched since the last call."""
        taken, self._fetched = self._fetched, []
        return taken

    async def recv(self) -> Packet[Any]:
        """Wait until the next packet is due, and return it."""
        now = (time.perf_counter() - self._start) * RATE
        # A timer of the loop may be late by a few packets; a sound card buffers that much as well.
        self._number = max(self._number + 1, int(now) - RATE // 50)
        early = (self._number - now) / RATE
        if early > 0:
            await asyncio.sleep(early)
        self._fetched.append(self._number)
        packet = Packet(self._number.to_bytes(_SAMPLES))
        packet.pts = self._number * _SAMPLES
        packet.time_base = Fraction(1, _CLOCK_RATE)
        return packet


@dataclass(frozen=True, slots=True)
class Change:
    """Effect of one change of keys on the media of the direction that is watched.

    Args:
        gap: The longest time between two packets around it, in milliseconds.
        usual_gap: The same just before it, over as long a time.
        lost: Packets that were sent and not received.
        unsent: Packets that nobody fetched in time, as there was no call or the machine was busy.
    """

    gap: float
    usual_gap: float
    lost: int
    unsent: int


class Watch:
    """The packets of one direction of a call, noted as its receiver has them, authenticated.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: LiveClicks) -> None:
        self.source = source
        self._packets: list[tuple[float, int]] = []

    def note(self, payload: bytes, arrival: float) -> None:
        """Note one packet of `LiveClicks`, which arrived at `arrival` (seconds, monotonic)."""
        self._packets.append((arrival, int.from_bytes(payload)))

    def take(self) -> list[tuple[float, int]]:
        """Arrival time and number of each packet since the last call."""
        taken, self._packets = self._packets, []
        return taken

    async def received_one(self) -> None:
        """Wait for one more packet than there are."""
        count = len(self._packets)
        async with asyncio.timeout(_TIMEOUT):
            while len(self._packets) == count:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)


class Call(Protocol):
    """A call between two connections whose keys can change."""

    watch: Watch

    async def change(self) -> None:
        """Change the keys of both ends."""


async def measure(call: Call) -> Change:
    """Change the keys of a call under load, and return the effect on its media."""
    call.watch.take()
    call.watch.source.take()
    await asyncio.sleep(2 * _MARGIN)
    usual = call.watch.take()
    await asyncio.sleep(_MARGIN)
    await call.change()
    await asyncio.sleep(_MARGIN)
    taken = usual[-1:] + call.watch.take()
    numbers = {number for _, number in taken}
    first, last = min(numbers), max(numbers)
    sent = {number for number in call.watch.source.take() if first <= number <= last}
    return Change(
        gap=_longest(taken),
        usual_gap=_longest(usual),
        lost=len(sent - numbers),
        unsent=last - first + 1 - len(sent),
    )


async def processor_time(call: Call) -> float:
    """Measure processor time of one change for both ends, in milliseconds, media not counted."""
    usual = await _processor_share(asyncio.sleep(_LONG))
    started, before = time.perf_counter(), time.process_time()
    for _ in range(_IN_A_ROW):
        await call.change()
    spent = time.process_time() - before
    return 1000 * (spent - usual * (time.perf_counter() - started)) / _IN_A_ROW


async def _processor_share(work: Awaitable[None]) -> float:
    started, before = time.perf_counter(), time.process_time()
    await work
    return (time.process_time() - before) / (time.perf_counter() - started)


def _longest(taken: list[tuple[float, int]]) -> float:
    times = [when for when, _ in taken]
    return 1000 * max(late - early for early, late in pairwise(times))


class Handfast:
    """Call between two connections of ours; keys and path change by `rekey()`."""

    name = "handfast: rekey()"
    keep_path = False

    def __init__(self) -> None:
        self.watch = Watch(LiveClicks())
        self._stack = AsyncExitStack()
        self._left: PeerConnection | None = None

    async def __aenter__(self) -> Self:
        configuration = PeerConfiguration(interfaces=("127.0.0.1",))
        left = await self._stack.enter_async_context(PeerConnection(configuration))
        right = await self._stack.enter_async_context(PeerConnection(configuration))
        first, second = channel_pair()
        for pc, channel, polite in ((left, first, True), (right, second, False)):
            transceiver = pc.addTransceiver(self.watch.source if pc is left else LiveClicks())
            transceiver.setCodecPreferences(["audio/PCMU"])
            self._run(Negotiator(pc, channel, polite=polite).run())
        right.on("track", lambda event: self._run(self._read(event.receiver)))
        self._left = left
        await self.watch.received_one()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def change(self) -> None:
        """Change the keys while media flows."""
        assert self._left is not None
        result = await self._left.rekey(keep_path=self.keep_path)
        assert result.changed, result.reason

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        self._stack.callback(asyncio.create_task(work).cancel)

    async def _read(self, receiver: RtpReceiver) -> None:
        async for frame in receiver.encoded_frames(_QUEUE):
            self.watch.note(frame.payload, frame.arrival)


class HandfastOnOnePath(Handfast):
    """Call between two connections of ours; keys change on the path in use."""

    name = "handfast: rekey(keep_path=True)"
    keep_path = True


class Aiortc:
    """Call between two aiortc connections; keys change by hanging up and calling again."""

    name = "aiortc: close and call again"

    def __init__(self) -> None:
        self.watch = Watch(LiveClicks())
        self._ends: tuple[RTCPeerConnection, RTCPeerConnection] | None = None
        self._tracks = (self.watch.source, LiveClicks())
        self._ssrc: int | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._tap()
        await self._call()
        await self.watch.received_one()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._hang_up()
        await self._stack.aclose()

    async def change(self) -> None:
        """Change the keys by a new call."""
        await self._hang_up()
        await self._call()
        await self.watch.received_one()

    async def _hang_up(self) -> None:
        if self._ends is not None:
            await asyncio.gather(*(end.close() for end in self._ends))

    async def _call(self) -> None:
        left, right = self._ends = RTCPeerConnection(), RTCPeerConnection()
        left.addTrack(self._tracks[0])
        left.getTransceivers()[0].setCodecPreferences(_pcmu())
        await left.setLocalDescription(await left.createOffer())
        await right.setRemoteDescription(left.localDescription)
        right.addTrack(self._tracks[1])
        await right.setLocalDescription(await right.createAnswer())
        await left.setRemoteDescription(right.localDescription)
        self._ssrc = next(
            stats.ssrc for stats in (await left.getStats()).values() if stats.type == "outbound-rtp"
        )

    def _tap(self) -> None:
        """Watch the method by which aiortc's receivers take packets: they give no encoded frame."""
        handle = getattr(RTCRtpReceiver, _TAPPED)

        async def note(receiver: RTCRtpReceiver, packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.ssrc == self._ssrc:
                self.watch.note(packet.payload, time.monotonic())
            await handle(receiver, packet, arrival_time_ms)

        setattr(RTCRtpReceiver, _TAPPED, note)
        self._stack.callback(setattr, RTCRtpReceiver, _TAPPED, handle)


def _pcmu() -> list[RTCRtpCodecCapability]:
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    return [codec for codec in codecs if codec.mimeType == "audio/PCMU"]
