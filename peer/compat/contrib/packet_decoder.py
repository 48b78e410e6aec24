"""Readers of a player's packets: as decoded frames, or as packets that can be sent."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av import AudioFrame, AudioResampler, VideoFrame
from av.packet import Packet

from media.orientation import Straightener
from media.sources.annexb import AnnexB
from media.sources.errors import UnpassableError, UnreadableError
from media.sources.file_reader import ROUNDING
from media.sources.opening import error_of
from media.sources.passthrough import PassthroughConverter
from media.sources.stream_decoder import AUDIO_FRAME, AUDIO_RATE, EncodedItem, Piece
from peer.rtp.formats import FrameShape
from peer.rtp_parameters import Codec, MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.stream import Stream

    from peer.compat.contrib.packet_feed import FeedItem, PacketFeed

logger = logging.getLogger(__name__)

#: Packets in a row that do not decode, beyond which the file counts as damaged (ours).
_DAMAGED = 50
#: Seconds between counted samples and the file's times beyond which it has a gap (ours).
_GAP = Fraction(1, 10)
#: RTP clock rate of video, in Hz (RFC 3551 section 5).
VIDEO_CLOCK = 90_000
_G711 = {"pcm_mulaw": "PCMU", "pcm_alaw": "PCMA"}
_G711_RATE = 8_000
_G711_FRAME = 160  # Octets, and samples, of 20 ms.
_G711_DURATION = Fraction(_G711_FRAME, _G711_RATE)


@dataclass(frozen=True, slots=True)
class PacketPiece(Piece):
    """A packet to be sent as it is, with its place in the order of sending.

    Args:
        shown: Seconds from its position to its presentation; not 0 where there are B-frames.
    """

    shown: Fraction = Fraction(0)


class _FeedReader:
    """Reads the packets of one kind for `Prefetch`, and makes pieces of them.

    Args:
        feed: The packets.
        kind: Audio or video.
        where: Name of the file, for errors.
    """

    def __init__(self, feed: PacketFeed, kind: MediaKind, where: str) -> None:
        self._feed = feed
        self._kind = kind
        self._where = where
        self._awaits_keyframe = False

    def read(self) -> list[Piece]:
        """Return the next pieces; an empty list at the end.

        Raises:
            SourceError: libav cannot read on, or the stream is damaged.
        """
        while (item := self._feed.take(self._kind)) is not None:
            pieces = list(self._pieces(item))
            if pieces:
                return pieces
        return []

    def seek(self, position: Fraction) -> Fraction:
        """Go on as before: a player does not seek."""
        return position

    def close(self) -> None:
        """Take no more packets."""
        self._feed.close(self._kind)

    def _pieces(self, item: FeedItem) -> Iterable[Piece]:
        """Make the pieces of one packet; none where it gives nothing yet."""
        raise NotImplementedError


class DecodedReader(_FeedReader):
    """Decodes the packets of one kind, for `Prefetch`. It blocks: for a worker thread.

    Video frames are given upright and with square pixels, audio as aiortc's `MediaPlayer` does:
    `s16`, stereo, 48 kHz, 20 ms a frame.

    Args:
        feed: The packets.
        stream: Their stream.
        kind: Audio or video.
        where: Name of the file, for errors.
    """

    codec: Codec | None = None

    def __init__(self, feed: PacketFeed, stream: Stream, kind: MediaKind, where: str) -> None:
        super().__init__(feed, kind, where)
        self._context: Any = stream.codec_context
        self._base = Fraction(stream.time_base or Fraction(1, av.time_base))
        self._shape: Fraction | None = getattr(stream, "sample_aspect_ratio", None)
        self._straightener = Straightener()
        self._resampler = AudioResampler("s16", "stereo", AUDIO_RATE, AUDIO_FRAME)
        self._next: Fraction | None = None
        self._damaged = 0

    def _pieces(self, item: FeedItem) -> Iterator[Piece]:
        return (piece for piece in self._decoded(item) if piece.position >= -ROUNDING)

    def _decoded(self, item: FeedItem) -> Iterator[Piece]:
        for frame in self._frames_of(item):
            if isinstance(frame, VideoFrame):
                if frame.pts is not None:
                    position = frame.pts * self._base_of(frame) + item.shift
                    upright = self._straightener.straighten(frame, self._shape)
                    yield Piece(position, Fraction(0), upright)
            else:
                yield from self._resampled(frame, item.shift)

    def _frames_of(self, item: FeedItem) -> list[VideoFrame | AudioFrame]:
        packet = item.packet
        if item.after_cut:
            self._context.flush_buffers()
            self._awaits_keyframe = self._kind is MediaKind.VIDEO
        if packet is not None and self._awaits_keyframe:
            if not packet.is_keyframe:
                return []
            self._awaits_keyframe = False
        try:
            # A decoder gives what it holds for None.
            frames = list(self._context.decode(packet))
        except av.error.EOFError:
            return []
        except av.error.FFmpegError as error:
            self._damaged += 1
            if self._damaged > _DAMAGED:
                raise error_of(self._where, error) from error
            return []
        if frames:
            self._damaged = 0
        return frames

    def _base_of(self, frame: VideoFrame | AudioFrame) -> Fraction:
        # What a decoder held until the end comes without one.
        found: Fraction | None = frame.time_base
        return self._base if found is None else Fraction(found)

    def _resampled(self, frame: AudioFrame, shift: Fraction) -> Iterator[Piece]:
        if frame.pts is not None:
            position = frame.pts * self._base_of(frame) + shift
            if self._next is None or abs(position - self._next) > _GAP:
                self._next = position
        if self._next is None:
            self._next = Fraction(0)
        # The samples are counted here: a resampler that sees a jump back gives no sound.
        frame.pts = None
        for made in self._resampler.resample(frame):
            duration = Fraction(made.samples, AUDIO_RATE)
            yield Piece(self._next, duration, made)
            self._next += duration


class PassedReader(_FeedReader):
    """Makes packets that can be sent as they are of those of one kind, for `Prefetch`.

    H.264 and H.265 come in Annex B form, whatever the container has; G.711 comes in 20 ms.

    Args:
        feed: The packets.
        stream: Their stream.
        kind: Audio or video.
        where: Name of the file, for errors.

    Attributes:
        codec: The codec of the packets.

    Raises:
        UnpassableError: Packets of that codec cannot be sent as they are.
    """

    def __init__(self, feed: PacketFeed, stream: Stream, kind: MediaKind, where: str) -> None:
        super().__init__(feed, kind, where)
        self.codec, self._convert = _conversion(stream, where)
        # Of G.711: the octets of a frame that is not whole yet, and their time.
        self._rest, self._rest_at = b"", Fraction(0)

    def _pieces(self, item: FeedItem) -> list[Piece]:
        packet = item.packet
        if packet is None:
            return []
        if item.after_cut:
            self._awaits_keyframe = self._kind is MediaKind.VIDEO
        if self._awaits_keyframe and not packet.is_keyframe:
            return []
        self._awaits_keyframe = False
        shown = packet.pts if packet.pts is not None else packet.dts
        if shown is None:
            return []
        base = Fraction(packet.time_base)
        order = packet.dts if packet.dts is not None else shown
        position = order * base + item.shift
        try:
            payload = self._convert(bytes(packet))
        except ValueError as error:
            raise UnreadableError(self._where, why=f"a frame that is broken: {error}") from error
        if position < -ROUNDING and self._kind is MediaKind.AUDIO:
            # Pre-roll of a codec, as of Opus, lies before the start.
            return []
        if self.codec.name in _G711.values():
            return self._divided(payload, position)
        shape = FrameShape(keyframe=packet.is_keyframe)
        passed = EncodedItem(self.codec, payload, shape)
        duration = (packet.duration or 0) * base
        return [
            PacketPiece(position, duration, passed, shape.keyframe, shown=(shown - order) * base)
        ]

    def _divided(self, payload: bytes, position: Fraction) -> list[Piece]:
        """Make frames of 20 ms of what packets of any length hold."""
        if not self._rest:
            self._rest_at = position
        self._rest += payload
        made: list[Piece] = []
        while len(self._rest) >= _G711_FRAME:
            part, self._rest = self._rest[:_G711_FRAME], self._rest[_G711_FRAME:]
            passed = EncodedItem(self.codec, part, FrameShape(keyframe=True))
            made.append(PacketPiece(self._rest_at, _G711_DURATION, passed))
            self._rest_at += _G711_DURATION
        return made


def packet_of(piece: PacketPiece, play_time: Fraction) -> Packet[Any]:
    """Make the packet that a track gives, with its time on the timeline of the track."""
    item = piece.item
    if not isinstance(item, EncodedItem):
        raise TypeError("the piece is decoded")
    rate = item.codec.clock_rate
    packet: Packet[Any] = Packet(item.payload)
    packet.time_base = Fraction(1, rate)
    packet.pts = round((play_time + piece.shown) * rate)
    packet.dts = round(play_time * rate)
    packet.duration = round(piece.duration * rate)
    packet.is_keyframe = piece.keyframe
    return packet


def _conversion(stream: Stream, where: str) -> tuple[Codec, Callable[[bytes], bytes]]:
    context: Any = stream.codec_context
    name = context.name
    if name in _G711:
        if context.sample_rate != _G711_RATE or context.layout.nb_channels != 1:
            raise UnpassableError(where, why="G.711 is sent at 8 kHz and of one channel")
        return (
            Codec(kind=MediaKind.AUDIO, name=_G711[name], payload_type=0, clock_rate=_G711_RATE),
            bytes,
        )
    if name in {"h264", "hevc"}:
        if context.has_b_frames:
            logger.warning("%s has B-frames, which a peer may show in the wrong order", where)
        converter = AnnexB(context.extradata or b"", h265=name == "hevc")
        codec = Codec(
            kind=MediaKind.VIDEO,
            name="H265" if name == "hevc" else "H264",
            payload_type=0,
            clock_rate=VIDEO_CLOCK,
        )
        return codec, converter.convert
    passing = PassthroughConverter(stream, where)
    return passing.codec, lambda data: passing.payload(Packet(data))[0]
