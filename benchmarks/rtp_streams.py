"""Owns what the load of the RTP benchmark sends: frames of 720p30 VP8 and of Opus, in payloads.

Those that nobody decodes only look like VP8.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT = 1280, 720
#: Packets of a frame that nobody decodes, and bytes of each payload: 1.4 Mbit/s at 30 a second. Any
#: sender that fills packets to 1,200 or 1,300 bytes makes as many of it again.
PER_FRAME = 5
PAYLOAD = 1170
#: Frames a second.
PICTURES, SOUNDS = 30, 50
#: Seconds, bits a second.
_CLIP = 5
_BITRATE = 1_500_000

#: RFC 7741 section 4.2: the first packet of a frame has S set.
_FIRST, _LATER = b"\x10", b"\x00"

Payloads = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """How it is described in SDP.

    Args:
        kind: Of the m-section.
        payload_type: In RTP.
        rtpmap: Its name and clock.
        clock_rate: Of its timestamps, in hertz.
    """

    kind: str
    payload_type: int
    rtpmap: str
    clock_rate: int


VIDEO = Media("video", 96, "VP8/90000", 90_000)
AUDIO = Media("audio", 111, "opus/48000/2", 48_000)


def likeness(*, keyframe: bool) -> Payloads:
    """A frame of the right form and size, with nothing in it."""
    # RFC 6386 section 9.1.
    size = WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    tag = b"\x10\x02\x00\x9d\x01\x2a" + size if keyframe else b"\x11\x02\x00"
    return payloads_of_picture(tag + bytes(PER_FRAME * (PAYLOAD - 1) - len(tag)))


def payloads_of_picture(frame: bytes) -> Payloads:
    """In packets of equal size but the last."""
    room = PAYLOAD - 1
    parts = [frame[start : start + room] for start in range(0, len(frame), room)]
    return tuple((_LATER if index else _FIRST) + part for index, part in enumerate(parts))


def pictures() -> list[Payloads]:
    """A clip of moving stripes under noise, such as a camera has; it may be repeated."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = WIDTH, HEIGHT
    encoder.pix_fmt = "yuv420p"
    encoder.bit_rate = _BITRATE
    encoder.time_base = Fraction(1, PICTURES)
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    noise = np.random.default_rng(5).integers(0, 12, (HEIGHT, WIDTH), dtype=np.uint8)
    columns = np.arange(WIDTH)
    clip = []
    for number in range(_CLIP * PICTURES):
        stripes = (96 + 64 * np.sin((columns + 6 * number) / 40)).astype(np.uint8)
        luma = stripes + np.roll(noise, 37 * number, axis=1)
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = luma
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, PICTURES)
        clip += [payloads_of_picture(bytes(packet)) for packet in encoder.encode(frame)]
    return clip


def sounds() -> list[Payloads]:
    """A clip of a stereo tone; it may be repeated."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = AUDIO.clock_rate
    encoder.layout = "stereo"
    encoder.format = "s16"
    encoder.bit_rate = 64_000
    samples = AUDIO.clock_rate // SOUNDS
    clip: list[Payloads] = []
    for number in range(_CLIP * SOUNDS):
        time = np.arange(number * samples, (number + 1) * samples) / AUDIO.clock_rate
        tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], "s16", "stereo")
        frame.sample_rate = AUDIO.clock_rate
        frame.pts, frame.time_base = number * samples, Fraction(1, AUDIO.clock_rate)
        clip += [(bytes(packet),) for packet in encoder.encode(frame)]
    return clip
