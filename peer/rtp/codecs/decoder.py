"""Decodes the frames of one stream, with PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av import CodecContext, VideoCodecContext
from av.error import FFmpegError
from av.packet import Packet

from peer.rtp.codecs.audio_decoder import AudioDecoder, Concealment
from peer.rtp.codecs.errors import DecodeError
from peer.rtp.codecs.installed import decoder_library
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame

    from peer.rtp_parameters import Codec

    Decoded = AudioFrame | VideoFrame

#: Pixels of the largest video frame that is decoded (ours): more than any call shows.
MAX_PIXELS = 8192 * 4320


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
        library = decoder_library(codec.name)
        if library is None:
            raise DecodeError(f"nothing here decodes {codec.mimeType}")
        self._library = library
        self._decoder: AudioDecoder | _VideoDecoder
        if codec.kind is MediaKind.AUDIO:
            self._decoder = AudioDecoder(codec, library)
        else:
            self._decoder = _VideoDecoder(codec, library, max_pixels)

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
        try:
            return cast("list[Decoded]", self._decoder.decode(payload, pts))
        except (FFmpegError, ValueError) as error:
            raise DecodeError(f"{self._codec.mimeType}: {error}") from error

    def finish(self) -> list[Decoded]:
        """The pictures that the decoder kept back, to give them in order; none follow them.

        Raises:
            DecodeError: The library refused them.
        """
        if not isinstance(self._decoder, _VideoDecoder):
            return []
        try:
            return cast("list[Decoded]", self._decoder.finish())
        except (FFmpegError, ValueError) as error:
            raise DecodeError(f"{self._codec.mimeType}: {error}") from error

    def conceal(self, payload: bytes, pts: int) -> Concealment:
        """Fill in for the sound lost before a packet of audio, which is decoded after that.

        In-band FEC of Opus is used where the packet has it; else the sound before is extrapolated,
        fading out. There is nothing for video, nor for a loss of more than half a second.

        Args:
            payload: The packet after the loss.
            pts: Its time in ticks of the codec's clock.
        """
        if isinstance(self._decoder, AudioDecoder):
            return self._decoder.conceal(payload, pts)
        return Concealment()


class _VideoDecoder:
    def __init__(self, codec: Codec, library: str, max_pixels: int) -> None:
        context = CodecContext.create(library, "r")
        assert isinstance(context, VideoCodecContext)
        # Each thread of a decoder by frames delays its output by a frame.
        context.thread_count = 1
        context.options = {"max_pixels": str(max_pixels)}
        if library == "libdav1d":
            context.options |= {"max_frame_delay": "1"}
        self._context = context
        self._time_base = Fraction(1, codec.clock_rate)

    def decode(self, payload: bytes, pts: int) -> list[VideoFrame]:
        packet = Packet(payload)
        packet.pts = pts
        packet.time_base = self._time_base
        return self._timed(self._context.decode(packet), pts)

    def finish(self) -> list[VideoFrame]:
        return self._timed(self._context.decode(None), 0)

    def _timed(self, frames: list[VideoFrame], pts: int) -> list[VideoFrame]:
        for frame in frames:
            # Pictures that a decoder puts into their order have the time of an earlier payload.
            if frame.pts is None:
                frame.pts = pts
            frame.time_base = self._time_base
        return frames
