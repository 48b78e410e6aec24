"""Player of a file, a stream or a device, with the interface of aiortc's `MediaPlayer`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import av

from media.sources.errors import UnpassableError
from media.sources.file_source import DECODED_LIMITS, ENCODED_LIMIT
from media.sources.file_track import FileTrack
from media.sources.opening import stream_of
from media.sources.playhead import Playhead
from media.sources.prefetch import Prefetch
from peer.compat.contrib.packet_decoder import (
    DecodedReader,
    PacketPiece,
    PassedReader,
    packet_of,
)
from peer.compat.contrib.packet_feed import PacketFeed
from peer.compat.contrib.worker_thread import WorkerThread
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from av import AudioFrame, VideoFrame
    from av.packet import Packet
    from av.stream import Stream

    from media.sources.errors import SourceError
    from media.sources.stream_decoder import Piece
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime

logger = logging.getLogger(__name__)

#: libav's formats of devices and cameras, whose frames come when they come (aiortc).
REAL_TIME_FORMATS = [
    "alsa",
    "android_camera",
    "avfoundation",
    "bktr",
    "decklink",
    "dshow",
    "fbdev",
    "gdigrab",
    "iec61883",
    "jack",
    "kmsgrab",
    "openal",
    "oss",
    "pulse",
    "sndio",
    "rtsp",
    "v4l2",
    "vfwcap",
    "x11grab",
]
#: Decoded frames of a device that wait at most, as a device does not wait either (ours).
_LIVE_LIMIT = 2


class PlayerStreamTrack(FileTrack):
    """Plays one stream of a `MediaPlayer`: frames, or packets with `decode=False`.

    Args:
        kind: Audio or video.
        codec: Codec of the packets; None where they are decoded.
        pieces: The frames or packets, read ahead.
        playhead: Clock of the player.
        live: True to give frames as they come.
        leave: Ends what waits for more of the container on behalf of the track.
        on_error: Called with the error that ended the track early.
    """

    def __init__(
        self,
        kind: MediaKind,
        codec: Codec | None,
        pieces: Prefetch,
        playhead: Playhead,
        *,
        live: bool,
        leave: Callable[[], None],
        on_error: Callable[[SourceError], None],
    ) -> None:
        super().__init__(kind, codec, pieces, playhead, on_error)
        self._live = live
        self._leave = leave

    def stop(self) -> None:
        """End the track, while the other one of the player goes on."""
        self._leave()
        super().stop()

    async def _next(self, now: Callable[[], MonotonicTime]) -> Piece:
        if not self._live:
            return await super()._next(now)
        piece = await self._pieces.front()
        if piece is None or self.readyState != "live":
            self.stop()
            raise MediaStreamError
        self._pieces.take()
        return piece

    def _made(  # type: ignore[override]  # aiortc's players give packets
        self, piece: Piece
    ) -> VideoFrame | AudioFrame | EncodedFrame | Packet[Any]:
        if isinstance(piece, PacketPiece):
            return packet_of(piece, piece.position + self._playhead.offset)
        return super()._made(piece)


class MediaPlayer:
    """Plays the first audio and the first video stream of a file, a stream or a device.

    As aiortc's: it opens at once, reads when a track is read, and gives frames in real time. Both
    tracks have one clock, which stands still while none is read; what waits is bounded; a
    repetition goes on without a jump of timestamps; pictures stand upright.

    Args:
        file: Path, address, or name of a device; or a file-like object.
        format: libav's name of the format; None to detect it.
        options: libav's options for the format and the protocol.
        timeout: Seconds to open it, and for each read.
        loop: True to begin again at the end.
        decode: False to give `av.Packet`s to be sent as they are: Opus, G.711, VP8, VP9, AV1, H.264
            and H.265, whose codec has to be the one agreed. Streams of other codecs have no track.

    Raises:
        OSError: libav cannot open it; as PyAV raises it.
        AssertionError: `loop` is true, and the file cannot be sought in.
    """

    def __init__(
        self,
        file: Any,
        format: str | None = None,  # noqa: A002 - as in aiortc
        options: Mapping[str, str] | None = None,
        timeout: float | None = None,
        loop: bool = False,
        decode: bool = True,
    ) -> None:
        self._name = str(getattr(file, "name", file))
        container = av.open(
            file=file,
            format=format,
            mode="r",
            options=None if options is None else dict(options),
            timeout=timeout,
        )
        if loop and container.duration is None:
            container.close()
            raise AssertionError("The `loop` argument requires a seekable file")
        formats = set(container.format.name.split(","))
        live = not formats.isdisjoint(REAL_TIME_FORMATS)
        found = {kind: stream_of(container, kind) for kind in MediaKind}
        streams = {kind: stream for kind, stream in found.items() if stream is not None}
        feed = PacketFeed(container, self._name, streams, live=live, loop=loop)
        playhead = Playhead()
        self._tracks: dict[MediaKind, PlayerStreamTrack] = {}
        for kind, stream in streams.items():
            reader = self._reader(feed, stream, kind, decode=decode)
            if reader is None:
                feed.close(kind)
                continue
            limit = DECODED_LIMITS[kind] if decode else ENCODED_LIMIT
            pieces = Prefetch(
                reader, _LIVE_LIMIT if live else limit, WorkerThread(f"media-player-{kind}")
            )
            self._tracks[kind] = PlayerStreamTrack(
                kind,
                reader.codec,
                pieces,
                playhead,
                live=live,
                leave=partial(feed.leave, kind),
                on_error=self._note_error,
            )

    def __repr__(self) -> str:
        kinds = " ".join(self._tracks) or "nothing"
        return f"<MediaPlayer {self._name!r} {kinds}>"

    @property
    def audio(self) -> MediaStreamTrack | None:
        """The track of the first audio stream; None where there is no sound in the file."""
        return self._tracks.get(MediaKind.AUDIO)

    @property
    def video(self) -> MediaStreamTrack | None:
        """The track of the first video stream; None where there are no pictures in the file."""
        return self._tracks.get(MediaKind.VIDEO)

    def _reader(
        self, feed: PacketFeed, stream: Stream, kind: MediaKind, *, decode: bool
    ) -> DecodedReader | PassedReader | None:
        if decode:
            return DecodedReader(feed, stream, kind, self._name)
        try:
            return PassedReader(feed, stream, kind, self._name)
        except UnpassableError as error:
            logger.info("%s has no %s track: %s", self, kind.value, error)
            return None

    def _note_error(self, error: SourceError) -> None:
        logger.warning("%s ended: %s", self, error)
