"""Owns `AudioEncoder`: sound of any shape in, packets of 20 ms out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av import AudioCodecContext, CodecContext
from av.error import FFmpegError

from peer.rtp.codecs.audio_shape import FRAMES_PER_SECOND, AudioShape, AudioShaper
from peer.rtp.codecs.encoded import EncodedSound
from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.installed import encoder_library
from peer.rtp.codecs.sound_time import SoundTime
from peer.rtp.frame_time import at_time, duration_of, time_base_of
from peer.rtp.levels import measure

if TYPE_CHECKING:
    from av import AudioFrame

    from peer.rtp_parameters import Codec

PACKET_DURATION = Fraction(1, FRAMES_PER_SECOND)
# In bits a second, both channels, where the peer does not ask for less.
OPUS_BITRATE = 96_000
# RFC 7587 section 6.1.
OPUS_BITRATES = range(6_000, 510_001)
# In percent: what Opus prepares for where the peer uses its error correction.
OPUS_LOSS = 5

_SHAPES = {
    "libopus": AudioShape("s16", "stereo", 48_000),
    "g722": AudioShape("s16", "mono", 16_000),
    "pcm_mulaw": AudioShape("s16", "mono", 8_000),
    "pcm_alaw": AudioShape("s16", "mono", 8_000),
}


class AudioEncoder:
    """Encodes one stream. What is less than 20 ms waits for the next frame.

    The frames that it is given are never changed; their shape may change from one to the next.

    Args:
        codec: As it was agreed.

    Raises:
        EncodeError: No library here encodes it.
    """

    def __init__(self, codec: Codec) -> None:
        name = encoder_library(codec.name)
        if name is None or name not in _SHAPES:
            raise EncodeError(f"nothing here encodes {codec.mimeType}")
        self._codec = codec
        self._name = name
        self._shape = _SHAPES[name]
        self._context = self._open()
        self._samples = 0
        self._shaper = AudioShaper(self._shape)
        self._time = SoundTime()

    @property
    def codec(self) -> Codec:
        """What it encodes for."""
        return self._codec

    def encode(self, frame: AudioFrame) -> list[EncodedSound]:
        """The packets that are complete with this frame.

        A frame that does not say its time follows the one before; one whose time is not where the
        one before ended begins anew, and what waited is lost.

        Raises:
            EncodeError: The library refused it.
        """
        if not frame.samples:
            return []
        base = time_base_of(frame)
        time = None if frame.pts is None or base is None else frame.pts * base
        try:
            if not self._time.follows(time, duration_of(frame)):
                self._shaper = AudioShaper(self._shape)
            return [
                sound for whole in self._shaper.shape(frame) for sound in self._encode_whole(whole)
            ]
        except (FFmpegError, ValueError) as error:
            self._context = self._open()
            self._samples = 0
            self._shaper = AudioShaper(self._shape)
            raise EncodeError(f"{self._codec.mimeType}: {error}") from error

    def _encode_whole(self, frame: AudioFrame) -> list[EncodedSound]:
        # The library's time is its own: it would change the frame to it.
        own = cast("AudioFrame", at_time(frame, self._samples, Fraction(1, self._shape.rate)))
        self._samples += frame.samples
        clock_rate = self._codec.clock_rate
        level = measure(frame)
        return [
            EncodedSound(
                payload=bytes(packet),
                pts=round(self._time.next_packet(PACKET_DURATION) * clock_rate),
                time_base=Fraction(1, clock_rate),
                duration=PACKET_DURATION,
                level=level,
            )
            for packet in self._context.encode(own)
        ]

    def _open(self) -> AudioCodecContext:
        context = cast("AudioCodecContext", CodecContext.create(self._name, "w"))
        context.format = self._shape.format
        context.layout = self._shape.layout
        context.sample_rate = self._shape.rate
        context.time_base = Fraction(1, self._shape.rate)
        if self._name == "libopus":
            context.bit_rate = _opus_bitrate(self._codec)
            context.options = _opus_options(self._codec)
        return context


def _opus_bitrate(codec: Codec) -> int:
    # RFC 7587 section 6.1: the most that the peer wants to receive.
    asked = codec.parameter("maxaveragebitrate")
    if asked is None or not asked.isascii() or not asked.isdigit() or len(asked) > 9:
        return OPUS_BITRATE
    return min(max(int(asked), OPUS_BITRATES.start), OPUS_BITRATE)


def _opus_options(codec: Codec) -> dict[str, str]:
    options = {"application": "voip", "frame_duration": str(1000 // FRAMES_PER_SECOND)}
    # RFC 7587 section 6.1: the peer takes advantage of what we add for a lost packet.
    if codec.parameter("useinbandfec") == "1":
        options |= {"fec": "1", "packet_loss": str(OPUS_LOSS)}
    return options
