"""Media of the RTP benchmark: payloads of 720p30 VP8 and of Opus.

Frames that no subject decodes have only the form of VP8.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT = 1280, 720
#: Packets of a frame that is not decoded, and bytes of each payload: 1.4 Mbit/s at 30 a second.
#: Any sender that fills packets to 1,200 or 1,300 bytes makes as many packets of it.
PER_FRAME = 5
PAYLOAD = 1170
#: Video and audio frames a second.
PICTURES, SOUNDS = 30, 50
#: Duration of a clip in seconds, and its video bitrate in bits a second (ours).
_CLIP = 5
_BITRATE = 1_500_000

#: VP8 payload descriptors with and without the S bit of a frame's first packet (RFC 7741 4.2).
_FIRST, _LATER = b"\x10", b"\x00"

Payloads = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """A codec as SDP describes it.

    Args:
        kind: Kind of the m-section.
        payload_type: RTP payload type.
        rtpmap: Encoding name and clock rate.
        clock_rate: Clock rate of the timestamps in Hz.
    """

    kind: str
    payload_type: int
    rtpmap: str
    clock_rate: int


VIDEO = Media("video", 96, "VP8/90000", 90_000)
AUDIO = Media("audio", 111, "opus/48000/2", 48_000)


def likeness(*, keyframe: bool) -> Payloads:
    """Create the payloads of a frame with the form and size of VP8, without content."""
    # RFC 6386 section 9.1.
    size = WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    tag = b"\x10\x02\x00\x9d\x01\x2a" + size if keyframe else b"\x11\x02\x00"
    return payloads_of_picture(tag + bytes(PER_FRAME * (PAYLOAD - 1) - len(tag)))


def payloads_of_picture(frame: bytes) -> Payloads:
    """Split a frame into payloads of equal size but the last."""
    room = PAYLOAD - 1
    parts = [frame[start : start + room] for start in range(0, len(frame), room)]
    return tuple((_LATER if index else _FIRST) + part for index, part in enumerate(parts))


def pictures() -> list[Payloads]:
    """Encode a clip of moving stripes under camera-like noise, which can be looped."""
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


def opus_encoder() -> av.AudioCodecContext:
    """Make an encoder of Opus in stereo, at 64 kbit/s."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = AUDIO.clock_rate
    encoder.layout = "stereo"
    encoder.format = "s16"
    encoder.bit_rate = 64_000
    return encoder


def sounds() -> list[Payloads]:
    """Encode a clip of a stereo tone, which can be looped."""
    encoder = opus_encoder()
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
