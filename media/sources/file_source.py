"""Media file as a pair of tracks on one clock, decoded or encoded."""

from __future__ import annotations

import asyncio
import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, overload

from media.sources.file_reader import FileReader
from media.sources.file_track import FileTrack
from media.sources.opening import extent_of, open_input, stream_of
from media.sources.playhead import Playhead
from media.sources.prefetch import Prefetch
from peer.emitter import EventEmitter
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from media.sources.errors import SourceError
    from peer.emitter import Decorator, Handler, PlainDecorator, Takes
    from peer.times import Seconds

#: Encoded frames that are read ahead at most (ours).
ENCODED_LIMIT = 64
#: Decoded frames that are read ahead at most; video frames are large (ours).
DECODED_LIMITS = {MediaKind.AUDIO: 50, MediaKind.VIDEO: 4}


class FileSource:
    """Plays the first audio and the first video stream of a file on one clock.

    The clock starts when the first frame is read, and stands still while no track is read. Frames
    of one track that nobody reads while the other is played are dropped.

    Decoded pictures stand upright and have square pixels, however the camera was held.

    With `decode=False` nothing is decoded, and senders pass the `EncodedFrame`s on without
    encoding. VP8, VP9, H264 without B-frames, AV1 and Opus can be sent so. The codec must be the
    one agreed with the peer (see `FileTrack.codec`); else the sender refuses the frames. Video then
    begins at a key frame of the file, and a peer that joins, or has lost packets for good, waits
    for the next key frame.

    Events: `ended` when all tracks have ended; `error` with a `SourceError` when a track ended
    because the file could not be read on.

    Args:
        path: Path of a file, or address (`https:`) of one, which is read several times at once.
        loop: True to begin again at the end; the timestamps go on.
        decode: True to decode the frames.
        format: libav's name of the file's format; None to detect it.
        options: libav's options for that format and its protocol, as `{"user_agent": "me"}`.

    Attributes:
        audio: The audio track; None where the file has none.
        video: The video track; None where the file has none.

    Raises:
        MissingError: The file does not exist, or access is denied.
        UnreadableError: libav cannot read the file, or an address gives nothing for 20 s.
        LiveError: It is a live stream, a pipe or a device, and no file.
        UnpassableError: `decode` is false, and a codec cannot be sent without being decoded.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        loop: bool = False,
        decode: bool = True,
        format: str | None = None,  # noqa: A002 - as MediaPlayer of aiortc has it
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._events = EventEmitter("FileSource", ("ended", "error"))
        where = self._path = os.fspath(path)
        extent = extent_of(where, container=format, options=options)
        with open_input(where, container=format, options=options) as container:
            kinds = [kind for kind in MediaKind if stream_of(container, kind) is not None]
        self._playhead = Playhead()
        self._seeking = asyncio.Lock()
        readers: dict[MediaKind, FileReader] = {}
        try:
            for kind in kinds:
                readers[kind] = FileReader(
                    where,
                    kind,
                    extent,
                    decode=decode,
                    loop=loop,
                    alone=len(kinds) == 1,
                    container=format,
                    options=options,
                )
        except Exception:
            for reader in readers.values():
                reader.close()
            raise
        self._pieces = {
            kind: Prefetch(reader, DECODED_LIMITS[kind] if decode else ENCODED_LIMIT)
            for kind, reader in readers.items()
        }
        self._tracks = {
            kind: FileTrack(kind, reader.codec, self._pieces[kind], self._playhead, self._fail)
            for kind, reader in readers.items()
        }
        self._readers = tuple(readers.values())
        self._live = len(self._tracks)
        for track in self._tracks.values():
            track.add_listener("ended", self._note_end)
        self.audio = self._tracks.get(MediaKind.AUDIO)
        self.video = self._tracks.get(MediaKind.VIDEO)

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        loop: bool = False,
        decode: bool = True,
        format: str | None = None,  # noqa: A002 - as MediaPlayer of aiortc has it
        options: Mapping[str, str] | None = None,
    ) -> FileSource:
        """Open a file as the constructor does, on a worker thread."""
        return await asyncio.to_thread(
            cls, path, loop=loop, decode=decode, format=format, options=options
        )

    @overload
    def on(self, event: Literal["ended"]) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["ended"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def on(self, event: Literal["error"]) -> Decorator[SourceError]: ...
    @overload
    def on(self, event: Literal["error"], handler: Takes[SourceError]) -> Takes[SourceError]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of `ended` or `error`; also a decorator.

        Raises:
            ValueError: A FileSource has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def __repr__(self) -> str:
        kinds = " ".join(kind.value for kind in self._live_kinds()) or "ended"
        return f"<FileSource {self._path!r} {kinds}>"

    @property
    def duration(self) -> Seconds | None:
        """Duration of the file in seconds; None where only its end will tell.

        A file without a length of its own (AAC, MP3) is measured. One of sound alone is as long as
        its sound was, once it has been read to its end.
        """
        length = self._readers[0].length
        return None if length is None else float(length)

    @property
    def position(self) -> Seconds:
        """The present position in the file, in seconds."""
        position = float(self._playhead.position(asyncio.get_running_loop().time()))
        duration = self.duration
        if duration is None:
            return position
        return position % duration if duration else 0.0

    async def seek(self, seconds: Seconds) -> Seconds:
        """Go on at a position in the file; the timestamps of frames go on without a jump.

        Args:
            seconds: Position in seconds from the start of the file.

        Returns:
            The position found, in seconds. Without decoding it is that of the key frame before.

        Raises:
            ValueError: The position is not within the file.
            SourceError: The file cannot be read from there.
        """
        duration = self.duration
        if not 0 <= seconds < math.inf or (duration is not None and seconds > duration):
            raise ValueError(f"{seconds} s is not within a file of {duration} s")
        async with self._seeking:
            position = Fraction(seconds).limit_denominator(90_000)
            # Video first: it may have to go back to a key frame, and audio follows.
            order = sorted(self._live_kinds(), key=lambda kind: kind is MediaKind.AUDIO)
            try:
                for kind in order:
                    position = await self._pieces[kind].seek(position)
                self._playhead.jump(position, asyncio.get_running_loop().time())
            finally:
                for kind in order:
                    self._pieces[kind].resume()
                    self._tracks[kind].jumped()
            return float(position)

    def stop(self) -> None:
        """End both tracks and close the file."""
        for track in self._tracks.values():
            track.stop()

    def _live_kinds(self) -> list[MediaKind]:
        return [kind for kind, track in self._tracks.items() if track.readyState == "live"]

    def _note_end(self) -> None:
        self._live -= 1
        if not self._live:
            self._events.emit("ended")

    def _fail(self, error: SourceError) -> None:
        self._events.emit("error", error)
