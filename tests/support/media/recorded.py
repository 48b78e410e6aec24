"""Senders in virtual time: encoded frames as a receiver would give them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from media.recording.timeline import PlacedFrame
from media.recording.transcode import FrameEncoder
from peer import Codec, EncodedFrame
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.media.frames import flat_picture

OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=111, clock_rate=48_000, channels=2)
VP8 = Codec(kind=MediaKind.VIDEO, name="VP8", payload_type=96, clock_rate=90_000)
#: An Opus packet of 20 ms.
SOUND = bytes((31 << 3, 0))


@dataclass
class Track:
    """One track of a sender.

    Args:
        codec: Opus or VP8.
        ahead: Seconds that the sender's clock is ahead of ours.
        delay: Seconds from the capture to the arrival.
        began: Start of the capture by our clock, where `pts` is 0.
        report: Time of its first sender report; None for at once.
        rate: Rate of its RTP clock relative to the nominal one.
    """

    codec: Codec = OPUS
    ahead: float = 1.7e9
    delay: float = 0.03
    began: float = 100.0
    report: float | None = None
    rate: float = 1.0

    def frame(self, captured: float, *, late: float = 0.0, keyframe: bool = True) -> EncodedFrame:
        """Make the frame that was captured at a time of our clock."""
        arrival = captured + self.delay + late
        pts = round((captured - self.began) * self.rate * self.codec.clock_rate)
        said = self.report is None or arrival >= self.report
        return EncodedFrame(
            codec=self.codec,
            payload=SOUND,
            ssrc=1,
            timestamp=pts % 2**32,
            pts=pts,
            arrival=arrival,
            wall_clock=UnixTime(captured + self.ahead) if said else None,
            keyframe=keyframe,
        )

    def frames(self, start: float, end: float) -> list[EncodedFrame]:
        """Make the frames that were captured between two times."""
        step = 0.02 if self.codec is OPUS else 1 / 30
        count = round((end - start) / step)
        return [self.frame(start + index * step) for index in range(count)]


def shifted(frame: EncodedFrame, wall: float) -> EncodedFrame:
    """Copy a frame as if the sender's clock was set forward by `wall` seconds."""
    assert frame.wall_clock is not None
    return replace(frame, wall_clock=UnixTime(frame.wall_clock + wall))


def pictures(
    name: str, start: float, count: int, *, size: tuple[int, int] = (64, 48), key: int = 0
) -> list[PlacedFrame]:
    """Encode video at 30 Hz, with a keyframe every 2 seconds, and place it."""
    encoder = FrameEncoder(name)
    made = []
    for index in range(count):
        picture = flat_picture(*size, luma=60 + index % 100)
        picture.pts = 3000 * index
        picture.time_base = Fraction(1, 90_000)
        made += encoder.encode(picture, start + index / 30)
    step = Fraction(1, 30)
    return [PlacedFrame(key, each, Fraction(start) + i * step, step) for i, each in enumerate(made)]


def sounds(start: float, count: int, *, key: int = 1, size: int = 100) -> list[PlacedFrame]:
    """Make and place Opus packets, 50 a second."""
    track = Track(began=0.0)
    step = Fraction(1, 50)
    return [
        PlacedFrame(
            key,
            replace(track.frame(start + index / 50), payload=SOUND + bytes(size - len(SOUND))),
            Fraction(start) + index * step,
            step,
        )
        for index in range(count)
    ]
