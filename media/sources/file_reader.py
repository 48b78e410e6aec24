"""Reader of one stream of a media file, decoded or encoded. It blocks: for a worker thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av
from av import AudioFrame, AudioResampler, VideoFrame

from media.orientation import Straightener, turn_of
from media.sources.errors import UnpassableError, UnreadableError
from media.sources.opening import error_of, open_input, stream_of
from media.sources.passthrough import PassthroughConverter
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.packet import Packet

    from media.sources.opening import Extent
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
    """One frame of a stream, with its place in the file.

    Args:
        position: Begin of the frame in seconds from the start of the file, counted on through
            repetitions of the file.
        duration: Duration in seconds; 0 where the file does not say.
        item: The frame.
        keyframe: True if the frame can be decoded without the frames before it.
    """

    position: Fraction
    duration: Fraction
    item: VideoFrame | AudioFrame | EncodedItem
    keyframe: bool = True


class PieceReader(Protocol):
    """Blocking reader that `Prefetch` runs on a thread."""

    def read(self) -> list[Piece]:
        """Return the next pieces; an empty list at the end."""
        ...

    def seek(self, position: Fraction) -> Fraction:
        """Go on at a position, or the nearest possible before it; return the position found."""
        ...

    def close(self) -> None:
        """Close the file or device."""
        ...


class FileReader:
    """Reads the first stream of a kind from a file, from its start.

    Args:
        path: Path of the file, or name of a device.
        kind: Kind of the stream; the file must have one.
        extent: Start and length of the file.
        alone: True if the file has no other stream that is played, so that each repetition begins
            where the sound in fact ended, whatever the file says of its length.
        decode: True to decode: video frames upright and with square pixels, else unchanged; audio
            as 48 kHz `s16`, 20 ms a frame.
        loop: True to begin again at the end.
        container: libav's name of the format; None to detect it.
        options: libav's options for the format.

    Raises:
        MissingError: The file does not exist.
        UnreadableError: libav cannot read the file.
        UnpassableError: `decode` is false, and the stream cannot be sent without being decoded, or
            has to be turned to stand upright.
    """

    def __init__(
        self,
        path: str,
        kind: MediaKind,
        extent: Extent,
        *,
        decode: bool,
        loop: bool,
        alone: bool = False,
        container: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._kind = kind
        self._extent = extent
        self._decode = decode
        self._loop = loop
        self._by_its_end = kind is MediaKind.AUDIO and (alone or extent.length is None)
        self._how = container, options
        self._lap = 0
        # Pieces before this are skipped, in seconds within the file.
        self._from: Fraction | None = None
        self._given_in_lap = False
        # End of the last piece, in seconds within the file.
        self._end = Fraction(0)
        self._last: Fraction | None = None
        self._resampler: AudioResampler | None = None
        self._damaged = 0
        # As the codec says it at the beginning.
        self._first_shape: Fraction | None = None
        self._straightener = Straightener()
        self._held: list[Piece] = []
        self._packets: Iterator[Packet[Any]] = iter(())
        if not decode and kind is MediaKind.VIDEO:
            self._check_upright()
        self._open()

    @property
    def codec(self) -> Codec | None:
        """The codec of the encoded frames; None where frames are decoded."""
        return None if self._passing is None else self._passing.codec

    @property
    def length(self) -> Fraction | None:
        """Length of the file in seconds: as its sound ended, where that is known already."""
        return self._extent.length

    def read(self) -> list[Piece]:
        """Return the next pieces; an empty list at the end.

        Raises:
            UnreadableError: The file is damaged here.
            UnpassableError: Video frames are not in presentation order.
        """
        if self._held:
            held, self._held = self._held, []
            return held
        while True:
            try:
                packet = next(self._packets, None)
                pieces = [] if packet is None else list(self._pieces_of(packet))
            except av.error.FFmpegError as error:
                raise error_of(self._path, error) from error
            pieces = [self._straight(piece) for piece in pieces if self._is_wanted(piece)]
            if pieces:
                self._given_in_lap = True
                last = pieces[-1]
                self._end = last.position + last.duration - self._lap_start
                return pieces
            if packet is None:
                if self._by_its_end and self._given_in_lap:
                    self._extent = replace(self._extent, length=self._end)
                if not self._loop or not self._given_in_lap:
                    return []
                self._begin_again()

    def seek(self, position: Fraction) -> Fraction:
        """Go on at a position; encoded video goes on at the key frame before it.

        Raises:
            UnreadableError: The file cannot be read from there.
        """
        self._lap, self._held, self._last = 0, [], None
        self._resampler = None
        self._given_in_lap, self._end = True, position
        base = self._stream.time_base or Fraction(1, av.time_base)
        try:
            self._container.seek(int((position + self._extent.start) / base), stream=self._stream)
        except av.error.FFmpegError as error:
            raise error_of(self._path, error) from error
        if self._decode:
            self._stream.codec_context.flush_buffers()
        self._packets = self._container.demux(self._stream)
        if self._decode or self._kind is MediaKind.AUDIO:
            self._from = position
            return position
        self._from = None
        self._held = self.read()
        return self._held[0].position if self._held else position

    def close(self) -> None:
        """Close the file or device."""
        self._container.close()

    def _open(self) -> None:
        container, options = self._how
        self._container = open_input(self._path, container=container, options=options)
        try:
            found = stream_of(self._container, self._kind)
            if found is None:
                raise UnreadableError(self._path, why=f"there is no {self._kind} in it")
            self._stream: Any = found
            if self._kind is MediaKind.VIDEO:
                context: Any = self._stream.codec_context
                self._first_shape = context.sample_aspect_ratio
            self._passing = None if self._decode else PassthroughConverter(self._stream, self._path)
        except Exception:
            self._container.close()
            raise
        self._packets = self._container.demux(self._stream)

    def _check_upright(self) -> None:
        """Refuse a stream whose first picture has to be turned, which only decoding tells."""
        container, options = self._how
        with open_input(self._path, container=container, options=options) as opened:
            found: Any = stream_of(opened, self._kind)
            if found is None:
                return
            try:
                first = next(iter(opened.decode(found)), None)
            except av.error.FFmpegError:
                # Passed on all the same: the peer may decode what libav does not.
                return
        if isinstance(first, VideoFrame) and turn_of(first) is not None:
            raise UnpassableError(
                self._path, why="its pictures have to be turned, for which they must be decoded"
            )

    def _begin_again(self) -> None:
        # Opened anew, as not every file is seekable.
        self._container.close()
        self._lap += 1
        self._from, self._last, self._resampler = None, None, None
        self._given_in_lap = False
        self._open()

    def _is_wanted(self, piece: Piece) -> bool:
        # Pre-roll of a codec, as of Opus, lies before the start.
        if piece.position < 0:
            return False
        within = piece.position - self._lap_start
        if self._from is not None and within < self._from:
            return within + piece.duration > self._from and self._decode
        self._from = None
        if not self._loop or self._by_its_end or self._extent.length is None:
            return True
        # A piece behind the end would be later than the first of the next repetition.
        return within < self._extent.length

    @property
    def _lap_start(self) -> Fraction:
        return self._lap * (self._extent.length or Fraction(0))

    def _position(self, pts: int, base: Fraction) -> Fraction:
        return pts * base - self._extent.start + self._lap_start

    def _pieces_of(self, packet: Packet[Any]) -> Iterator[Piece]:
        if self._passing is None:
            yield from self._decoded(packet)
            return
        pts = packet.pts if packet.pts is not None else packet.dts
        if not packet.size or pts is None:
            return
        base = Fraction(packet.time_base)
        position = self._position(pts, base)
        if self._last is not None and position < self._last:
            raise UnpassableError(self._path, why="it has B-frames, whose order no peer expects")
        self._last = position
        payload, shape = self._passing.payload(packet)
        if payload:
            passed = EncodedItem(self._passing.codec, payload, shape)
            yield Piece(position, (packet.duration or 0) * base, passed, shape.keyframe)

    def _decoded(self, packet: Packet[Any]) -> Iterator[Piece]:
        for frame in self._frames_of(packet):
            if isinstance(frame, VideoFrame):
                if frame.pts is not None and frame.time_base is not None:
                    yield Piece(self._position(frame.pts, frame.time_base), Fraction(0), frame)
            elif isinstance(frame, AudioFrame):
                yield from self._resampled(frame)
        if not packet.size and self._resampler is not None:
            yield from self._resampled(None)
            self._resampler = None

    def _frames_of(self, packet: Packet[Any]) -> list[VideoFrame | AudioFrame]:
        try:
            frames = list(self._stream.decode(packet))
        except av.error.InvalidDataError:
            self._damaged += 1
            if self._damaged > _DAMAGED:
                raise
            return []
        if frames:
            self._damaged = 0
        return frames

    def _straight(self, piece: Piece) -> Piece:
        if not isinstance(piece.item, VideoFrame):
            return piece
        straight = self._straightener.straighten(piece.item, self._pixel_shape())
        return piece if straight is piece.item else replace(piece, item=straight)

    def _pixel_shape(self) -> Fraction | None:
        """Width of the pixels to their height: the container's word, unless the codec's changed."""
        now: Fraction | None = self._stream.codec_context.sample_aspect_ratio
        if now == self._first_shape:
            shape: Fraction | None = self._stream.sample_aspect_ratio
            return shape
        return now

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Piece]:
        if self._resampler is None:
            layout = "mono" if frame is not None and frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler("s16", layout, AUDIO_RATE, AUDIO_FRAME)
        for made in self._resampler.resample(frame):
            if made.pts is not None and made.time_base is not None:
                position = self._position(made.pts, made.time_base)
                yield Piece(position, Fraction(made.samples, AUDIO_RATE), made)
