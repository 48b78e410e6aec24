"""Owns `FileSource`: a file played into a call, decoded or as it is."""

from __future__ import annotations

import asyncio
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
    from collections.abc import Callable

    from media.sources.errors import SourceError
    from peer.emitter import Decorator, Handler, PlainDecorator, Takes

#: Pieces that wait at most. Pictures that are decoded are large.
ENCODED_LIMIT = 64
DECODED_LIMITS = {MediaKind.AUDIO: 50, MediaKind.VIDEO: 4}


class FileSource:
    """Plays the first sound and the first picture of a file on one clock.

    Time begins to run when the first frame is fetched, and stands still while nobody fetches any.
    What nobody fetches of one track while the other is played is dropped.

    With `decode=False` nothing is decoded, and nothing encoded by our senders: they are given
    `EncodedFrame`s. VP8, VP9, H264 without B-frames, AV1 and Opus can be sent so. The codec must be
    the one that is agreed with the peer (see `FileTrack.codec`); else the sender refuses frames,
    and nothing is heard or seen. A picture then begins with a key frame of the file, and a peer
    that joins, or lost something that could not be sent again, waits for the next one.

    Events: `ended` when no track gives anything more; `error` with a `SourceError` where a track
    ended because the file could not be read on.

    Args:
        path: Of the file, which is one that can be opened twice.
        loop: Begin again at the end. Time goes on.
        decode: Whether frames are decoded.

    Attributes:
        audio: None where the file has no sound.
        video: None where the file has no picture.
        duration: Of the file, in seconds.

    Raises:
        MissingError: There is no such file, or it is not for us.
        UnreadableError: It is none that libav can read.
        UnpassableError: `decode` is false, but a codec has to be decoded.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, loop: bool = False, decode: bool = True
    ) -> None:
        self._events = EventEmitter("FileSource", ("ended", "error"))
        where = os.fspath(path)
        extent = extent_of(where)
        with open_input(where) as container:
            kinds = [kind for kind in MediaKind if stream_of(container, kind) is not None]
        self.duration = float(extent.length)
        self._playhead = Playhead()
        self._seeking = asyncio.Lock()
        readers: dict[MediaKind, FileReader] = {}
        try:
            for kind in kinds:
                readers[kind] = FileReader(where, kind, extent, decode=decode, loop=loop)
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
        self._live = len(self._tracks)
        for track in self._tracks.values():
            track.add_listener("ended", self._note_end)
        self.audio = self._tracks.get(MediaKind.AUDIO)
        self.video = self._tracks.get(MediaKind.VIDEO)

    @classmethod
    async def open(
        cls, path: str | os.PathLike[str], *, loop: bool = False, decode: bool = True
    ) -> FileSource:
        """The same, with the file opened on a worker thread instead of the event loop."""
        return await asyncio.to_thread(cls, path, loop=loop, decode=decode)

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

    @property
    def position(self) -> float:
        """Where in the file it plays, in seconds."""
        position = float(self._playhead.position(asyncio.get_running_loop().time()))
        return position % self.duration if self.duration else 0.0

    async def seek(self, seconds: float) -> float:
        """Go on from there. The times of frames go on as they would have without it.

        Args:
            seconds: From the start of the file.

        Returns:
            From where it goes on. Without decoding that is the last key frame before.

        Raises:
            ValueError: That is not within the file.
            SourceError: The file cannot be read from there.
        """
        if not 0 <= seconds <= self.duration:
            raise ValueError(f"{seconds} s is not within a file of {self.duration} s")
        async with self._seeking:
            position = Fraction(seconds).limit_denominator(90_000)
            # The picture decides: it may have to go back to a key frame.
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
        """End both tracks, and let go of the file."""
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
