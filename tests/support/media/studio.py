"""Owns a link with real senders and receivers, and what tests look at of what crosses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from media.planes import planes
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.outbound.control import SenderControl
from peer.rtp.packet import RtpPacket
from peer.transport.wire.datagrams import DatagramClass, classify
from tests.support.links.media_link import LinkEnd, media_link
from tests.support.rtp.parameters import receiving, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind


class Studio:
    """Senders on the left of a link and receivers on its right, all stopped at the end."""

    def __init__(self) -> None:
        self.left, self.right = media_link()
        self.halves: list[SenderControl | ReceiverControl] = []
        self.senders: dict[RtpSender, SenderControl] = {}
        self.receivers: dict[RtpReceiver, ReceiverControl] = {}

    def sender(
        self, kind: MediaKind, *names: str, mid: str = "0", track: MediaStreamTrack | None = None
    ) -> RtpSender:
        control = SenderControl(kind, track)
        self.halves.append(control)
        self.senders[control.sender] = control
        control.start(self.left.engine, sending(kind, *names, mid=mid))
        return control.sender

    def receiver(self, kind: MediaKind, *names: str, mid: str = "0") -> RtpReceiver:
        control = ReceiverControl(kind)
        self.halves.append(control)
        self.receivers[control.receiver] = control
        control.start(self.right.engine, receiving(kind, *names, mid=mid), 4242)
        return control.receiver

    async def close(self) -> None:
        await asyncio.gather(*(half.stop() for half in self.halves))
        for end in (self.left, self.right):
            end.engine.close()


async def seen(receiver: RtpReceiver, count: int) -> list[tuple[int, int]]:
    """Brightness and time of the next pictures."""
    found = []
    for _ in range(count):
        frame = await receiver.track.recv()
        assert isinstance(frame, VideoFrame)
        assert frame.pts is not None
        found.append((round(float(planes(frame).y.mean())), frame.pts))
    return found


async def heard(receiver: RtpReceiver, count: int) -> list[AudioFrame]:
    """The next frames of sound."""
    frames = []
    for _ in range(count):
        frame = await receiver.track.recv()
        assert isinstance(frame, AudioFrame)
        frames.append(frame)
    return frames


async def until_seen(receiver: RtpReceiver, luma: int) -> tuple[int, int]:
    """Brightness and time of the next picture that is about as bright."""
    async with asyncio.timeout(20):
        while True:
            ((found, pts),) = await seen(receiver, 1)
            if abs(found - luma) < 12:
                return found, pts


def is_rtcp(packet: bytes) -> bool:
    return classify(packet) is DatagramClass.RTCP


def rtp_sent(end: LinkEnd, *, ssrc: int | None = None) -> list[RtpPacket]:
    """What left this end, of one stream where it is named."""
    packets = [RtpPacket.parse(data) for data in end.wire.sent if not is_rtcp(data)]
    return [packet for packet in packets if ssrc in (None, packet.ssrc)]


def are_consecutive(packets: Sequence[RtpPacket]) -> bool:
    """Whether each number is one more than that of the packet before."""
    first = packets[0].sequence_number
    return [packet.sequence_number for packet in packets] == [
        (first + index) % 2**16 for index in range(len(packets))
    ]


async def moment(seconds: float = 0.001) -> None:
    await asyncio.sleep(seconds)


async def condition(holds: Callable[[], bool]) -> None:
    """Wait for what the test itself has set in motion."""
    async with asyncio.timeout(20):
        while not holds():
            await moment()
