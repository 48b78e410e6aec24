"""Tracks that can be told apart when they arrive, and readers that tell them apart."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media import SyntheticAudioTrack, ToneMeter
from media.planes import planes
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer import PeerConnection, RtpSender

#: Frames per second of the synthetic tracks.
FRAME_RATES = {"audio": 50, "video": 30}
#: (Y, U, V) of pictures that a codec leaves apart at any quality.
RED = (82, 90, 240)
GREEN = (145, 54, 34)
BLUE = (41, 240, 110)
#: How far a codec may move them.
TOLERANCE = 12


class ColourTrack(MediaStreamTrack):
    """Small pictures of one colour, thirty a second."""

    kind = "video"

    def __init__(self, colour: tuple[int, int, int]) -> None:
        super().__init__()
        self._colour = colour
        self._number = 0

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(1 / 30)
        frame = VideoFrame(96, 64, "yuv420p")
        for plane, value in zip(planes(frame), self._colour, strict=True):
            plane[:] = value
        frame.pts, self._number = self._number * 3000, self._number + 1
        frame.time_base = Fraction(1, 90_000)
        return frame


class ToneTrack(SyntheticAudioTrack):
    """A loud tone."""

    def __init__(self, pitch: float) -> None:
        super().__init__(pitch=pitch, amplitude=0.5)


def colour_of(frame: VideoFrame) -> tuple[int, int, int]:
    """The mean of each plane."""
    y, u, v = (round(float(plane.mean())) for plane in planes(frame))
    return y, u, v


def is_colour(frame: VideoFrame, colour: tuple[int, int, int]) -> bool:
    """Whether a picture that was encoded and decoded had this colour."""
    found = colour_of(frame)
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, colour, strict=True))


async def sees(track: MediaStreamTrack, colour: tuple[int, int, int]) -> None:
    """Wait until a picture of this colour comes."""
    async with asyncio.timeout(DEADLINE):
        while not is_colour(cast("VideoFrame", await track.recv()), colour):
            pass


async def hears(track: MediaStreamTrack, pitch: float) -> None:
    """Wait until the last half second has this tone as its strongest."""
    meter = ToneMeter()
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = cast("AudioFrame", await track.recv())
            meter.hear(frame)
            heard = meter.measure()
            if heard.level > -30 and heard.pitch is not None and abs(heard.pitch - pitch) < 5:
                return


async def packets_received(pc: PeerConnection) -> int:
    """Packets of media that have come to a connection."""
    stats = (await pc.getStats()).values()
    return sum(each.packetsReceived for each in stats if isinstance(each, InboundRtpStats))


async def has_received(pc: PeerConnection, packets: int) -> None:
    """Wait until so many packets of media have come to a connection."""
    async with asyncio.timeout(DEADLINE):
        while await packets_received(pc) < packets:  # noqa: ASYNC110 - no event tells of a packet
            await asyncio.sleep(0.02)


async def receives_more(pc: PeerConnection, packets: int = 10) -> None:
    """Wait until so many more packets of media have come to a connection."""
    await has_received(pc, await packets_received(pc) + packets)


async def sent_for(pc: PeerConnection, seconds: float) -> None:
    """Wait until a connection has sent so many seconds of each of its synthetic tracks.

    Seconds of the media, by the count of frames: a busy machine takes longer to send them.
    """
    async with asyncio.timeout(DEADLINE):
        for sender in pc.getSenders():
            if sender.track is not None:
                wanted = FRAME_RATES[sender.track.kind] * seconds
                while await _frames_sent(sender) < wanted:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.05)


async def _frames_sent(sender: RtpSender) -> int:
    stats = (await sender.getStats()).values()
    return sum(each.framesSent for each in stats if isinstance(each, OutboundRtpStats))
