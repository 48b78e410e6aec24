"""Encodes audio frames of any format to packets of 20 ms."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from av import AudioCodecContext, AudioFrame, AudioResampler, CodecContext
from av.error import FFmpegError

from peer.rtp.codecs.audio_libraries import AUDIO_LIBRARIES, AudioFormat
from peer.rtp.codecs.encoded import EncodedAudioPacket
from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.installed import encoder_library
from peer.rtp.codecs.libopus import libopus
from peer.rtp.codecs.opus_encoder import OpusEncoder
from peer.rtp.frame_time import at_time
from peer.rtp.levels import MeasuredLevel

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Sequence

    from peer.rtp_parameters import Codec

#: Packets per second: 20 ms each (RFC 7587 section 4.2, RFC 3551 section 4.2).
PACKETS_PER_SECOND = 50
PACKET_DURATION = Fraction(1, PACKETS_PER_SECOND)
#: Bitrate of Opus in bits/s, both channels, unless the peer asks for less (ours).
OPUS_BITRATE = 96_000
#: Values of `maxaveragebitrate` in bits/s (RFC 7587 section 6.1).
OPUS_BITRATES = range(6_000, 510_001)
#: Packet loss in percent that Opus prepares for where the peer uses in-band FEC (ours): from 10 on
#: libopus gives nearly each packet of speech a copy of the one before, at 5 not half of them.
OPUS_LOSS = 10
#: Tolerance in seconds within which a frame follows the one before (ours): times in milliseconds
#: are rounded, and a real gap is at least one lost frame.
TOLERANCE = 0.02
#: Seconds by which a sum of times may be off (ours): they are floating point.
_ROUNDING = 1e-6


class _PacketEncoder(Protocol):
    """The encoder of a library, for frames of 20 ms in its format."""

    def encode(self, frame: AudioFrame) -> Sequence[bytes]:
        """Encode a frame to its packets, mostly one; the frame is not changed."""


class AudioEncoder:
    """Encodes one audio stream; less than 20 ms waits for the next frame.

    Frames are never changed; their format may differ from one to the next.

    Args:
        codec: Negotiated codec.
        opus: Finds libopus; returns None where there is none, and Opus is encoded by PyAV.

    Raises:
        EncodeError: No installed library encodes the codec.
    """

    def __init__(
        self, codec: Codec, *, opus: Callable[[], ctypes.CDLL | None] = lambda: libopus()
    ) -> None:
        name = encoder_library(codec.name)
        if name is None or name not in AUDIO_LIBRARIES:
            raise EncodeError(f"nothing here encodes {codec.mimeType}")
        self._codec = codec
        self._name = name
        self._opus = opus() if name == "libopus" else None
        self._format = AUDIO_LIBRARIES[name]
        self._encoder = self._open()
        self._resampler = _PacketResampler(self._format)
        self._time_base = Fraction(1, codec.clock_rate)
        self._times = _PacketTimes(codec.clock_rate)

    def __repr__(self) -> str:
        """Show the library and the sample rate."""
        return f"<AudioEncoder {self._name} {self._format.rate} Hz>"

    def encode(self, frame: AudioFrame) -> list[EncodedAudioPacket]:
        """Return the packets that are complete with this frame.

        A frame without a time follows the one before. A frame that does not begin where the one
        before ended restarts the packets, and less than 20 ms that waited is lost.

        Raises:
            EncodeError: The library refused the frame.
        """
        if not frame.samples:
            return []
        try:
            duration = frame.samples / frame.sample_rate if frame.sample_rate else 0.0
            if not self._times.add_frame(time=_seconds(frame), duration=duration):
                self._resampler = _PacketResampler(self._format)
            return [
                packet
                for whole in self._resampler.resample(frame)
                for packet in self._encode_whole(whole)
            ]
        except (FFmpegError, ValueError) as error:
            self._restart()
            raise EncodeError(f"{self._codec.mimeType}: {error}") from error
        except EncodeError:
            self._restart()
            raise

    def _encode_whole(self, frame: AudioFrame) -> list[EncodedAudioPacket]:
        level = MeasuredLevel(frame)
        return [
            EncodedAudioPacket(
                payload=payload,
                pts=self._times.next_packet(),
                time_base=self._time_base,
                duration=PACKET_DURATION,
                level=level,
            )
            for payload in self._encoder.encode(frame)
        ]

    def _restart(self) -> None:
        self._encoder = self._open()
        self._resampler = _PacketResampler(self._format)

    def _open(self) -> _PacketEncoder:
        if self._opus is None:
            return _Libav(self._codec, self._name, self._format)
        return _Opus(self._codec, self._opus)


class _Opus:
    """Opus by libopus itself."""

    def __init__(self, codec: Codec, library: ctypes.CDLL) -> None:
        loss = OPUS_LOSS if _has_fec(codec) else None
        self._encoder = OpusEncoder(library, bitrate=_opus_bitrate(codec), loss=loss)

    def encode(self, frame: AudioFrame) -> Sequence[bytes]:
        return (self._encoder.encode(frame),)


class _Libav:
    """An encoder of PyAV."""

    def __init__(self, codec: Codec, name: str, audio_format: AudioFormat) -> None:
        context = cast("AudioCodecContext", CodecContext.create(name, "w"))
        context.format = audio_format.format
        context.layout = audio_format.layout
        context.sample_rate = audio_format.rate
        context.time_base = Fraction(1, audio_format.rate)
        if name == "libopus":
            context.bit_rate = _opus_bitrate(codec)
            context.options = _opus_options(codec)
        self._context = context
        self._time_base = Fraction(1, audio_format.rate)
        self._samples = 0

    def encode(self, frame: AudioFrame) -> Sequence[bytes]:
        # The library would change the frame's time to its own.
        own = cast("AudioFrame", at_time(frame, self._samples, self._time_base))
        self._samples += frame.samples
        return [bytes(packet) for packet in self._context.encode(own)]


class _PacketResampler:
    """Converts audio frames to frames of 20 ms in one format.

    aiortc's encoders refuse another format than that of their first frame, and give the packets of
    one long frame the same timestamp.
    """

    def __init__(self, target: AudioFormat) -> None:
        self._target = target
        self._resampler: AudioResampler | None = None
        self._source: AudioFormat | None = None

    def resample(self, frame: AudioFrame) -> list[AudioFrame]:
        """Return the frames that are complete with this one: none, itself, or new ones."""
        source = AudioFormat.of(frame)
        if self._resampler is None and source == self._target and _lasts_20_ms(frame):
            return [frame]
        if self._resampler is None or source != self._source:
            self._source = source
            self._resampler = AudioResampler(
                format=self._target.format,
                layout=self._target.layout,
                rate=self._target.rate,
                frame_size=self._target.rate // PACKETS_PER_SECOND,
            )
        return self._resampler.resample(frame)


class _PacketTimes:
    """Counts the times of packets in ticks of the codec, for as long as frames follow each other.

    Args:
        clock_rate: Clock rate of the codec in Hz.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._step = clock_rate // PACKETS_PER_SECOND
        self._end: float | None = None
        self._packet = 0

    def add_frame(self, *, time: float | None, duration: float) -> bool:
        """Add a frame, and return False where packets restart with it after a gap.

        Args:
            time: Time of its first sample in seconds; None where the track gives none.
            duration: Duration of the frame in seconds.
        """
        end = self._end
        if end is not None and (time is None or abs(time - end) <= TOLERANCE + _ROUNDING):
            self._end = end + duration
            return True
        begin = time or 0.0
        self._packet = round(begin * self._clock_rate)
        self._end = begin + duration
        return False

    def next_packet(self) -> int:
        """Return the time of the next packet in ticks."""
        ticks, self._packet = self._packet, self._packet + self._step
        return ticks


def _seconds(frame: AudioFrame) -> float | None:
    """Return the time of a frame's first sample; None where it has none."""
    base = frame.time_base
    if frame.pts is None or base is None or not base.denominator or not base.numerator:
        return None
    return frame.pts * base.numerator / base.denominator


def _lasts_20_ms(frame: AudioFrame) -> bool:
    return frame.samples * PACKETS_PER_SECOND == frame.sample_rate


def _opus_bitrate(codec: Codec) -> int:
    # RFC 7587 section 6.1: the highest bitrate that the peer wants to receive.
    wanted = codec.parameter("maxaveragebitrate")
    if wanted is None or not wanted.isascii() or not wanted.isdigit() or len(wanted) > 9:
        return OPUS_BITRATE
    return min(max(int(wanted), OPUS_BITRATES.start), OPUS_BITRATE)


def _opus_options(codec: Codec) -> dict[str, str]:
    options = {"application": "voip", "frame_duration": str(1000 // PACKETS_PER_SECOND)}
    if _has_fec(codec):
        options |= {"fec": "1", "packet_loss": str(OPUS_LOSS)}
    return options


def _has_fec(codec: Codec) -> bool:
    # RFC 7587 section 6.1: the peer decodes in-band FEC.
    return codec.parameter("useinbandfec") == "1"
