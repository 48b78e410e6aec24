"""A link with real senders and receivers, and helpers to look at its packets and frames."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from media.planes import planes
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.outbound.control import SenderControl
from peer.rtp.packet import RtpPacket
from peer.transport.wire.demux import DatagramClass, classify
from tests.support.clock.deadline import DEADLINE
from tests.support.links.media_link import LinkEnd, media_link
from tests.support.rtp.parameters import receiving, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind


class RtpSession:
    """Senders on the left of a link and receivers on its right, all stopped by `close`."""

    def __init__(self) -> None:
        self.left, self.right = media_link()
        self.controls: list[SenderControl | ReceiverControl] = []
        self.senders: dict[RtpSender, SenderControl] = {}
        self.receivers: dict[RtpReceiver, ReceiverControl] = {}

    def sender(
        self, kind: MediaKind, *names: str, mid: str = "0", track: MediaStreamTrack | None = None
    ) -> RtpSender:
        control = SenderControl(kind, track)
        self.controls.append(control)
        self.senders[control.sender] = control
        control.start(self.left.engine, sending(kind, *names, mid=mid))
        return control.sender

    def receiver(self, kind: MediaKind, *names: str, mid: str = "0") -> RtpReceiver:
        control = ReceiverControl(kind)
        self.controls.append(control)
        self.receivers[control.receiver] = control
        control.start(self.right.engine, receiving(kind, *names, mid=mid), 4242)
        return control.receiver

    async def close(self) -> None:
        await asyncio.gather(*(control.stop() for control in self.controls))
        for end in (self.left, self.right):
            end.engine.close()


async def next_video(receiver: RtpReceiver, count: int) -> list[tuple[int, int]]:
    """Read the brightness and pts of the next video frames."""
    found = []
    for _ in range(count):
        frame = await receiver.track.recv()
        assert isinstance(frame, VideoFrame)
        assert frame.pts is not None
        found.append((round(float(planes(frame).y.mean())), frame.pts))
    return found


async def next_audio(receiver: RtpReceiver, count: int) -> list[AudioFrame]:
    """Read the next audio frames."""
    frames = []
    for _ in range(count):
        frame = await receiver.track.recv()
        assert isinstance(frame, AudioFrame)
        frames.append(frame)
    return frames


async def wait_for_luma(receiver: RtpReceiver, luma: int) -> tuple[int, int]:
    """Read video until a frame is about as bright; return its brightness and pts."""
    async with asyncio.timeout(DEADLINE):
        while True:
            ((found, pts),) = await next_video(receiver, 1)
            if abs(found - luma) < 12:
                return found, pts


def is_rtcp(packet: bytes) -> bool:
    return classify(packet) is DatagramClass.RTCP


def rtp_sent(end: LinkEnd, *, ssrc: int | None = None) -> list[RtpPacket]:
    """Return the RTP packets that an end sent, of one stream where `ssrc` is given."""
    packets = [RtpPacket.parse(data) for data in end.wire.sent if not is_rtcp(data)]
    return [packet for packet in packets if ssrc in (None, packet.ssrc)]


def are_consecutive(packets: Sequence[RtpPacket]) -> bool:
    """Return True where sequence numbers rise by one."""
    first = packets[0].sequence_number
    return [packet.sequence_number for packet in packets] == [
        (first + index) % 2**16 for index in range(len(packets))
    ]


async def moment(seconds: float = 0.001) -> None:
    await asyncio.sleep(seconds)


async def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await moment()
