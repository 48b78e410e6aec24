"""Decodes the frames of one stream, with PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av import AudioCodecContext, CodecContext, VideoCodecContext
from av.error import FFmpegError
from av.packet import Packet

from peer.rtp.codecs.errors import DecodeError
from peer.rtp.codecs.installed import decoder_library
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame

    from peer.rtp_parameters import Codec

    Decoded = AudioFrame | VideoFrame

#: Pixels of the largest video frame that is decoded (ours): more than any call shows.
MAX_PIXELS = 8192 * 4320
# RFC 3551 section 4.5.2: the RTP clock of G722 runs at half its sampling rate.
SAMPLE_RATES = {"g722": 16_000}
_STEREO = {"opus"}


class FrameDecoder:
    """Decodes one stream, frame by frame and without delay.

    Audio comes as `s16`, Opus always in stereo at 48000 Hz. Video comes in the pixel format of the
    stream, mostly yuv420p.

    Args:
        codec: Negotiated codec.
        max_pixels: Pixels of the largest video frame; a larger one is refused before memory is
            allocated for it.

    Raises:
        DecodeError: No installed library decodes the codec.
    """

    def __init__(self, codec: Codec, *, max_pixels: int = MAX_PIXELS) -> None:
        self._codec = codec
        self._max_pixels = max_pixels
        library = decoder_library(codec.name)
        if library is None:
            raise DecodeError(f"nothing here decodes {codec.mimeType}")
        self._library = library
        self._context = self._open()

    def __repr__(self) -> str:
        """Show the codec and the library."""
        return f"<FrameDecoder {self._codec.mimeType} by {self._library}>"

    @property
    def codec(self) -> Codec:
        """The codec that is decoded."""
        return self._codec

    def decode(self, payload: bytes, pts: int) -> list[Decoded]:
        """Decode an encoded frame, mostly to one frame; an empty payload gives none.

        A stream of H.264 or H.265 whose parameter sets allow other orders comes that much later.

        Args:
            payload: A whole frame, as of `peer.rtp.encoded_frame.EncodedFrame.payload`.
            pts: Time in ticks of the codec's clock; its decoded frame gets it with a `time_base` of
                one tick.

        Raises:
            DecodeError: The library refused the frame. Later frames can be decoded, video from
                the next keyframe on.
        """
        if not payload:
            # To libav's decoders an empty packet is the end of the stream, for good.
            return []
        packet = Packet(payload)
        packet.pts = pts
        packet.time_base = Fraction(1, self._codec.clock_rate)
        try:
            frames = cast("list[Decoded]", self._context.decode(packet))
        except (FFmpegError, ValueError) as error:
            raise DecodeError(f"{self._codec.mimeType}: {error}") from error
        for frame in frames:
            # Pictures that a decoder puts into their order have the time of an earlier payload.
            if frame.pts is None or self._codec.kind is MediaKind.AUDIO:
                frame.pts = pts
            frame.time_base = Fraction(1, self._codec.clock_rate)
        return frames

    def _open(self) -> AudioCodecContext | VideoCodecContext:
        name = self._codec.name.lower()
        context = CodecContext.create(self._library, "r")
        assert isinstance(context, AudioCodecContext | VideoCodecContext)
        # Each thread of a decoder by frames delays its output by a frame.
        context.thread_count = 1
        if self._codec.kind is MediaKind.VIDEO:
            context.options = {"max_pixels": str(self._max_pixels)}
            if self._library == "libdav1d":
                context.options |= {"max_frame_delay": "1"}
        elif isinstance(context, AudioCodecContext):
            context.format = "s16"
            context.layout = "stereo" if name in _STEREO else "mono"
            context.sample_rate = SAMPLE_RATES.get(name, self._codec.clock_rate)
        return context
