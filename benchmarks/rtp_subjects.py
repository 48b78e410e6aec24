"""Subjects of the RTP benchmark: ours and aiortc's, each answering offers of the load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar, Protocol

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

import peer.compat as compat
from peer import PeerConnection, SdpType, SessionDescription, TrackEvent

_TIME_BASE = Fraction(1, 90_000)
#: Most frames that wait to be relayed (ours).
_LIMIT = 1024


class Work(StrEnum):
    """Kinds of work on received media."""

    #: Encoded frames are counted.
    RECEIVE = "receive"
    #: Encoded frames are sent on to other peers.
    RELAY = "relay"
    #: They are decoded, and counted.
    DECODE = "decode"
    #: They go on to others decoded and encoded again: aiortc's own way.
    TRANSCODE = "transcode"


class Subject(Protocol):
    """A library under test; `frames` counts the frames that came out so far."""

    frames: int

    async def source(self, offer: str) -> str:
        """Connect to a sender, in a room of its own; returns the answer."""
        ...

    async def sink(self, offer: str, room: int) -> str:
        """Connect to a receiver of the media of a room's source; returns the answer."""
        ...


async def answered(pc: PeerConnection, offer: str) -> str:
    """Take an offer, and return the answer with all of its candidates."""
    await pc.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
    await pc.setLocalDescription()
    await pc.gathering_complete()
    assert pc.localDescription is not None
    return pc.localDescription.sdp


class Handfast:
    """Subject that uses handfast.

    Args:
        work: Kind of work.
    """

    def __init__(self, work: Work) -> None:
        self.frames = 0
        self._work = work
        self._connections: list[PeerConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._rooms: list[MediaStreamTrack] = []

    async def source(self, offer: str) -> str:
        """Connect to a sender as `Subject.source` says."""
        pc = PeerConnection()
        pc.on("track", self._take)
        return await self._answer(pc, offer)

    async def sink(self, offer: str, room: int) -> str:
        """Connect to a receiver as `Subject.sink` says."""
        pc = PeerConnection()
        pc.addTrack(self._rooms[room])
        return await self._answer(pc, offer)

    async def _answer(self, pc: PeerConnection, offer: str) -> str:
        self._connections.append(pc)
        return await answered(pc, offer)

    def _take(self, event: TrackEvent) -> None:
        match self._work:
            case Work.RECEIVE:
                self._spawn(self._count_encoded(event))
            case Work.RELAY:
                # The track is packed once, however many senders it has. aiortc's queues have no
                # bound here; ours has one that a stall of the machine does not reach.
                self._rooms.append(event.receiver.encoded_track(limit=_LIMIT))
            case Work.DECODE:
                self._spawn(self._count_decoded(event.track))
            case Work.TRANSCODE:
                raise NotImplementedError("ours relays what came as it came")

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    async def _count_encoded(self, event: TrackEvent) -> None:
        async for _ in event.receiver.encoded_frames():
            self.frames += 1

    async def _count_decoded(self, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            self.frames += 1


class _AtOnce:
    """Replaces the queue to aiortc's decoder thread: hands frames on at once."""

    made: ClassVar[list[_AtOnce]] = []

    def __init__(self) -> None:
        self.deliver: Callable[[Any], None] = lambda frame: None
        self.made.append(self)

    def put(self, task: tuple[Any, Any] | None) -> None:
        """Hand on a complete frame; None is the end."""
        if task is not None:
            self.deliver(task[1])


class _Queues:
    """Replaces the module `queue` inside aiortc."""

    Queue = _AtOnce


class _Encoded(MediaStreamTrack):
    """Track of encoded frames for one of aiortc's senders."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Packet[Any]] = asyncio.Queue()

    def put(self, packet: Packet[Any]) -> None:
        """Queue one encoded frame."""
        self._frames.put_nowait(packet)

    async def recv(self) -> Packet[Any]:
        """Wait for the next encoded frame."""
        return await self._frames.get()


class Aiortc:
    """Subject that uses aiortc, in the most generous form.

    It gives nobody an encoded frame. Here its receivers hand frames on at the point where they
    would give them to their decoder threads, without any thread; relaying, its senders pack them.

    Args:
        work: Kind of work.
    """

    connection: ClassVar[Any] = RTCPeerConnection

    def __init__(self, work: Work) -> None:
        self.frames = 0
        self._connections: list[RTCPeerConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._rooms: list[list[_Encoded]] = []
        self._work = work
        # What MediaRelay gives to every one who asks.
        self._shared: list[MediaStreamTrack] = []
        self._relay = MediaRelay()
        if work in (Work.RECEIVE, Work.RELAY):
            for name, stand_in in (("queue", _Queues), ("decoder_worker", lambda *_: None)):
                setattr(rtcrtpreceiver, name, stand_in)

    async def source(self, offer: str) -> str:
        """Connect to a sender as `Subject.source` says."""
        pc = self.connection(RTCConfiguration(iceServers=[]))
        if self._work is Work.DECODE:
            pc.on("track", lambda track: self._spawn(self._count_decoded(track)))
        elif self._work is Work.TRANSCODE:
            pc.on("track", self._shared.append)
        before = len(_AtOnce.made)
        answer = await self._answer(pc, offer)
        room: list[_Encoded] = []
        self._rooms.append(room)
        for queue in _AtOnce.made[before:]:
            queue.deliver = partial(self._hand_on, room)
        return answer

    async def sink(self, offer: str, room: int) -> str:
        """Connect to a receiver as `Subject.sink` says."""
        pc = self.connection(RTCConfiguration(iceServers=[]))
        if self._work is Work.TRANSCODE:
            pc.addTrack(self._relay.subscribe(self._shared[room]))
        else:
            track = _Encoded()
            self._rooms[room].append(track)
            pc.addTrack(track)
        return await self._answer(pc, offer)

    async def _answer(self, pc: RTCPeerConnection, offer: str) -> str:
        self._connections.append(pc)
        await pc.setRemoteDescription(RTCSessionDescription(offer, SdpType.OFFER))
        await pc.setLocalDescription(await pc.createAnswer())
        return pc.localDescription.sdp

    def _hand_on(self, room: list[_Encoded], frame: Any) -> None:
        self.frames += 1
        if room:
            packet = Packet(frame.data)
            packet.pts, packet.time_base = frame.timestamp, _TIME_BASE
            for relay in room:
                relay.put(packet)

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    async def _count_decoded(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.frames += 1


class Compat(Aiortc):
    """Subject that uses `peer.compat`, by the names of aiortc, and decodes.

    Args:
        work: Kind of work; `Work.DECODE` alone.
    """

    connection = compat.RTCPeerConnection

    def __init__(self, work: Work) -> None:
        if work is not Work.DECODE:
            raise NotImplementedError("aiortc's names give nobody an encoded frame")
        super().__init__(work)


SUBJECTS: dict[str, Callable[[Work], Subject]] = {
    "handfast": Handfast,
    "peer.compat": Compat,
    "aiortc": Aiortc,
}
