"""Decoding of one stream's packets into pieces, or their conversion for sending as they are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av import AudioFrame, AudioResampler, VideoFrame

from media.orientation import Straightener
from media.sources.errors import UnpassableError
from media.sources.opening import error_of
from media.sources.passthrough import PassthroughConverter
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.stream import Stream

    from peer.rtp.formats import FrameShape
    from peer.rtp_parameters import Codec

#: Sample rate of decoded audio, in Hz (ours; that of Opus).
AUDIO_RATE = 48_000
AUDIO_FRAME = 960  # Samples of a decoded audio frame: 20 ms.
#: Packets in a row that do not decode, beyond which the file counts as damaged (ours). One or two
#: stand where files of MP3 were joined, and after a seek.
_DAMAGED = 50


@dataclass(frozen=True, slots=True)
class EncodedItem:
    """Payload of an encoded frame, with its codec and properties."""

    codec: Codec
    payload: bytes
    shape: FrameShape


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame of a stream, with its place there.

    Args:
        position: Begin of the frame in seconds: from the start of a file, counted on through its
            repetitions, or from the first frame of a live source.
        duration: Duration in seconds; 0 where the file does not say.
        item: The frame.
        keyframe: True if the frame can be decoded without the frames before it.
    """

    position: Fraction
    duration: Fraction
    item: VideoFrame | AudioFrame | EncodedItem
    keyframe: bool = True


class StreamDecoder:
    """Makes pieces of the packets of one stream; their positions are the stream's own times.

    Args:
        stream: A stream of an open container. Only the constructor touches it, and not the codec's
            context alone, so that packets may be decoded on another thread than reads them.
        where: The file or address, for errors.
        decode: True to decode: video frames unchanged until `straight`, audio as 48 kHz `s16`,
            20 ms a frame.

    Attributes:
        codec: The codec of encoded frames; None where frames are decoded.

    Raises:
        UnpassableError: `decode` is false, and the stream cannot be sent without being decoded.
    """

    def __init__(self, stream: Stream, where: str, *, decode: bool) -> None:
        self._where = where
        self._context: Any = stream.codec_context
        self._passing = None if decode else PassthroughConverter(stream, where)
        self.codec: Codec | None = None if self._passing is None else self._passing.codec
        # Shape of pixels as the container says it, and as the codec says it at the beginning.
        self._shape: Fraction | None = getattr(stream, "sample_aspect_ratio", None)
        self._first_shape: Fraction | None = getattr(self._context, "sample_aspect_ratio", None)
        self._straightener = Straightener()
        self._last: Fraction | None = None
        self._resampler: AudioResampler | None = None
        self._damaged = 0

    def pieces(self, packet: Packet[Any]) -> list[Piece]:
        """Return what a packet completes; an empty packet gives what the decoder still holds.

        Raises:
            UnreadableError: The packets are damaged.
            UnpassableError: Video frames are not in presentation order.
        """
        try:
            return list(self._decoded(packet) if self._passing is None else self._passed(packet))
        except av.error.FFmpegError as error:
            raise error_of(self._where, error) from error

    def straight(self, piece: Piece) -> Piece:
        """Return a piece whose video frame stands upright and has square pixels."""
        if not isinstance(piece.item, VideoFrame):
            return piece
        now: Fraction | None = self._context.sample_aspect_ratio
        # The container's word counts, unless the codec has changed its own since.
        shape = self._shape if now == self._first_shape else now
        straight = self._straightener.straighten(piece.item, shape)
        return piece if straight is piece.item else replace(piece, item=straight)

    def flush(self) -> None:
        """Forget what came before; the next packet is from elsewhere in the stream."""
        self._last, self._resampler = None, None
        if self._passing is None:
            self._context.flush_buffers()

    def _passed(self, packet: Packet[Any]) -> Iterator[Piece]:
        pts = packet.pts if packet.pts is not None else packet.dts
        if self._passing is None or not packet.size or pts is None:
            return
        base = Fraction(packet.time_base)
        position = pts * base
        if self._last is not None and position < self._last:
            raise UnpassableError(self._where, why="it has B-frames, whose order no peer expects")
        self._last = position
        payload, shape = self._passing.payload(packet)
        if payload:
            passed = EncodedItem(self._passing.codec, payload, shape)
            yield Piece(position, (packet.duration or 0) * base, passed, shape.keyframe)

    def _decoded(self, packet: Packet[Any]) -> Iterator[Piece]:
        for frame in self._frames_of(packet):
            if isinstance(frame, VideoFrame):
                if frame.pts is not None and frame.time_base is not None:
                    yield Piece(frame.pts * frame.time_base, Fraction(0), frame)
            else:
                yield from self._resampled(frame)
        if not packet.size and self._resampler is not None:
            yield from self._resampled(None)
            self._resampler = None

    def _frames_of(self, packet: Packet[Any]) -> list[VideoFrame | AudioFrame]:
        try:
            frames = list(self._context.decode(packet))
        except av.error.InvalidDataError:
            self._damaged += 1
            if self._damaged > _DAMAGED:
                raise
            return []
        if frames:
            self._damaged = 0
        return frames

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Piece]:
        if self._resampler is None:
            layout = "mono" if frame is not None and frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler("s16", layout, AUDIO_RATE, AUDIO_FRAME)
        for made in self._resampler.resample(frame):
            if made.pts is not None and made.time_base is not None:
                position = made.pts * made.time_base
                yield Piece(position, Fraction(made.samples, AUDIO_RATE), made)
