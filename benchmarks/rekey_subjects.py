"""Owns what the rekey benchmark compares: one call that changes its keys, ours and aiortc's."""

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
    from collections.abc import Awaitable
    from types import TracebackType

    from aiortc.rtcrtpparameters import RTCRtpCodecCapability
    from aiortc.rtp import RtpPacket

#: Packets a second, each way.
RATE = 1000
_CLOCK_RATE = 8000
_SAMPLES = _CLOCK_RATE // RATE
#: Seconds of media before and after each change.
_SETTLE = 0.3
_PATIENCE = 20.0
#: Seconds and changes over which processor time is taken: that of one change is lost in the noise.
_LONG = 2.0
_IN_A_ROW = 20
_TAPPED = "_handle_rtp_packet"


class LiveClicks(MediaStreamTrack):
    """Numbered packets of sound, by the clock: those that nobody fetches in time are gone."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._start = time.perf_counter()
        self._number = 0

    async def recv(self) -> Packet[Any]:
        """The next one."""
        now = (time.perf_counter() - self._start) * RATE
        # A timer of the loop may be late by a few packets; that much a sound card holds as well.
        self._number = max(self._number + 1, int(now) - RATE // 50)
        early = (self._number - now) / RATE
        if early > 0:
            await asyncio.sleep(early)
        packet = Packet(self._number.to_bytes(_SAMPLES))
        packet.pts = self._number * _SAMPLES
        packet.time_base = Fraction(1, _CLOCK_RATE)
        return packet


@dataclass(frozen=True, slots=True)
class Change:
    """What one change did to the media of the one direction that is watched.

    Args:
        gap: The longest time between two packets around it, in milliseconds.
        usual_gap: The same just before it, over as long a time.
        lost: Packets that the source gave and the receiver did not get.
    """

    gap: float
    usual_gap: float
    lost: int


class Watch:
    """Notes the RTP packets of one stream when the receiver has them, authenticated.

    Ours and aiortc's receivers both take their packets by the method that is tapped here.
    """

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self._numbers: list[tuple[float, int]] = []
        self._handle = getattr(RTCRtpReceiver, _TAPPED)

    def __enter__(self) -> Self:
        async def note(receiver: RTCRtpReceiver, packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.ssrc == self.ssrc:
                self._numbers.append((time.perf_counter(), int.from_bytes(packet.payload)))
            await handle(receiver, packet, arrival_time_ms)

        handle = self._handle
        setattr(RTCRtpReceiver, _TAPPED, note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        setattr(RTCRtpReceiver, _TAPPED, self._handle)

    def take(self) -> list[tuple[float, int]]:
        """What came since the last time."""
        taken, self._numbers = self._numbers, []
        return taken

    async def heard(self) -> None:
        """Wait for one more packet than there are."""
        count = len(self._numbers)
        async with asyncio.timeout(_PATIENCE):
            while len(self._numbers) == count:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)


class Call(Protocol):
    """A call whose keys can change."""

    watch: Watch

    async def change(self) -> None:
        """Change the keys."""


async def measure(call: Call) -> Change:
    """Change the keys of a call under load."""
    call.watch.take()
    await asyncio.sleep(2 * _SETTLE)
    usual = call.watch.take()
    await asyncio.sleep(_SETTLE)
    await call.change()
    await asyncio.sleep(_SETTLE)
    taken = usual[-1:] + call.watch.take()
    numbers = [number for _, number in taken]
    return Change(
        gap=_longest(taken),
        usual_gap=_longest(usual),
        lost=max(numbers) - min(numbers) + 1 - len(set(numbers)),
    )


async def processor_time(call: Call) -> float:
    """Milliseconds that one change costs both ends, beyond what media takes meanwhile."""
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
    """Two connections of ours: `rekey()`."""

    name = "handfast: rekey()"

    def __init__(self) -> None:
        self.watch = Watch()
        self._stack = AsyncExitStack()
        self._left: PeerConnection | None = None

    async def __aenter__(self) -> Self:
        configuration = PeerConfiguration(interfaces=("127.0.0.1",))
        self._stack.enter_context(self.watch)
        left = await self._stack.enter_async_context(PeerConnection(configuration))
        right = await self._stack.enter_async_context(PeerConnection(configuration))
        first, second = channel_pair()
        for pc, channel, polite in ((left, first, True), (right, second, False)):
            transceiver = pc.addTransceiver(LiveClicks())
            transceiver.setCodecPreferences(["audio/PCMU"])
            running = asyncio.create_task(Negotiator(pc, channel, polite=polite).run())
            self._stack.callback(running.cancel)
        self._left = left
        self.watch.ssrc = left.getSenders()[0].ssrc
        await self.watch.heard()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def change(self) -> None:
        """New keys, while media flows."""
        assert self._left is not None
        result = await self._left.rekey()
        assert result.changed, result.reason


class Aiortc:
    """Two of aiortc's connections, which cannot change their keys: close, and call again."""

    name = "aiortc: close and call again"

    def __init__(self) -> None:
        self.watch = Watch()
        self._ends: tuple[RTCPeerConnection, RTCPeerConnection] | None = None
        self._tracks = (LiveClicks(), LiveClicks())
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(self.watch)
        await self._call()
        await self.watch.heard()
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
        """New keys, by a new call."""
        await self._hang_up()
        await self._call()
        await self.watch.heard()

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
        self.watch.ssrc = next(
            stats.ssrc for stats in (await left.getStats()).values() if stats.type == "outbound-rtp"
        )


def _pcmu() -> list[RTCRtpCodecCapability]:
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    return [codec for codec in codecs if codec.mimeType == "audio/PCMU"]
