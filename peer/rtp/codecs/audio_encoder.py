"""Encodes audio frames of any format to packets of 20 ms."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av import AudioCodecContext, AudioFrame, AudioResampler, CodecContext
from av.error import FFmpegError

from peer.rtp.codecs.audio_libraries import AUDIO_LIBRARIES, AudioFormat
from peer.rtp.codecs.encoded import EncodedAudioPacket
from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.installed import encoder_library
from peer.rtp.frame_time import at_time, duration_of, time_base_of
from peer.rtp.levels import measure

if TYPE_CHECKING:
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
TOLERANCE = Fraction(1, 50)


class AudioEncoder:
    """Encodes one audio stream; less than 20 ms waits for the next frame.

    Frames are never changed; their format may differ from one to the next.

    Args:
        codec: Negotiated codec.

    Raises:
        EncodeError: No installed library encodes the codec.
    """

    def __init__(self, codec: Codec) -> None:
        name = encoder_library(codec.name)
        if name is None or name not in AUDIO_LIBRARIES:
            raise EncodeError(f"nothing here encodes {codec.mimeType}")
        self._codec = codec
        self._name = name
        self._format = AUDIO_LIBRARIES[name]
        self._context = self._open()
        self._samples = 0
        self._resampler = _PacketResampler(self._format)
        self._times = _PacketTimes()

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
        base = time_base_of(frame)
        time = None if frame.pts is None or base is None else frame.pts * base
        try:
            if not self._times.add_frame(time, duration_of(frame)):
                self._resampler = _PacketResampler(self._format)
            return [
                packet
                for whole in self._resampler.resample(frame)
                for packet in self._encode_whole(whole)
            ]
        except (FFmpegError, ValueError) as error:
            self._context = self._open()
            self._samples = 0
            self._resampler = _PacketResampler(self._format)
            raise EncodeError(f"{self._codec.mimeType}: {error}") from error

    def _encode_whole(self, frame: AudioFrame) -> list[EncodedAudioPacket]:
        # The library would change the frame's time to its own.
        own = cast("AudioFrame", at_time(frame, self._samples, Fraction(1, self._format.rate)))
        self._samples += frame.samples
        clock_rate = self._codec.clock_rate
        level = measure(frame)
        return [
            EncodedAudioPacket(
                payload=bytes(packet),
                pts=round(self._times.next_packet() * clock_rate),
                time_base=Fraction(1, clock_rate),
                duration=PACKET_DURATION,
                level=level,
            )
            for packet in self._context.encode(own)
        ]

    def _open(self) -> AudioCodecContext:
        context = cast("AudioCodecContext", CodecContext.create(self._name, "w"))
        context.format = self._format.format
        context.layout = self._format.layout
        context.sample_rate = self._format.rate
        context.time_base = Fraction(1, self._format.rate)
        if self._name == "libopus":
            context.bit_rate = _opus_bitrate(self._codec)
            context.options = _opus_options(self._codec)
        return context


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
    """Counts the times of packets in samples, for as long as frames follow each other."""

    def __init__(self) -> None:
        self._end: Fraction | None = None
        self._packet = Fraction(0)

    def add_frame(self, time: Fraction | None, duration: Fraction) -> bool:
        """Add a frame, and return False where packets restart with it after a gap.

        Args:
            time: Time of its first sample in seconds; None where the track gives none.
            duration: Duration of the frame in seconds.
        """
        end = self._end
        if end is not None and (time is None or abs(time - end) <= TOLERANCE):
            self._end = end + duration
            return True
        self._packet = time or Fraction(0)
        self._end = self._packet + duration
        return False

    def next_packet(self) -> Fraction:
        """Return the time of the next packet in seconds."""
        time, self._packet = self._packet, self._packet + PACKET_DURATION
        return time


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
    # RFC 7587 section 6.1: the peer decodes in-band FEC.
    if codec.parameter("useinbandfec") == "1":
        options |= {"fec": "1", "packet_loss": str(OPUS_LOSS)}
    return options
