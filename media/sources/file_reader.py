"""Reader of one stream of a media file, decoded or encoded. It blocks: for a worker thread."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av
from av import VideoFrame

from media.orientation import turn_of
from media.sources.errors import UnpassableError, UnreadableError
from media.sources.opening import error_of, open_input, stream_of
from media.sources.stream_decoder import StreamDecoder
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.packet import Packet

    from media.sources.opening import Extent
    from media.sources.stream_decoder import Piece
    from peer.rtp_parameters import Codec

#: Seconds by which libav's start of a file, in whole microseconds, may be late (ours).
ROUNDING = Fraction(1, 1_000)


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
        self._held: list[Piece] = []
        self._packets: Iterator[Packet[Any]] = iter(())
        if not decode and kind is MediaKind.VIDEO:
            self._check_upright()
        self._open()

    @property
    def codec(self) -> Codec | None:
        """The codec of the encoded frames; None where frames are decoded."""
        return self._decoder.codec

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
            except av.error.FFmpegError as error:
                raise error_of(self._path, error) from error
            made = [] if packet is None else map(self._placed, self._decoder.pieces(packet))
            pieces = [self._decoder.straight(piece) for piece in made if self._is_wanted(piece)]
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
        self._lap, self._held = 0, []
        self._given_in_lap, self._end = True, position
        base = self._stream.time_base or Fraction(1, av.time_base)
        try:
            self._container.seek(int((position + self._extent.start) / base), stream=self._stream)
        except av.error.FFmpegError as error:
            raise error_of(self._path, error) from error
        self._decoder.flush()
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
            self._decoder = StreamDecoder(found, self._path, decode=self._decode)
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
        self._from = None
        self._given_in_lap = False
        self._open()

    def _is_wanted(self, piece: Piece) -> bool:
        # Pre-roll of a codec, as of Opus, lies before the start.
        if piece.position < -ROUNDING:
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

    def _placed(self, piece: Piece) -> Piece:
        return replace(piece, position=piece.position - self._extent.start + self._lap_start)
