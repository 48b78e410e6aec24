"""Tracks that belong together: MediaStream of W3C mediacapture-streams section 4.2."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Literal, overload

from peer.emitter import EventEmitter
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.emitter import Decorator, Handler, Takes
    from peer.rtp.tracks import MediaStreamTrack

_ADD_TRACK = "addtrack"
_REMOVE_TRACK = "removetrack"


@dataclass(frozen=True, slots=True)
class MediaStreamTrackEvent:
    """The peer has added a track to a stream, or taken it away."""

    track: MediaStreamTrack


class MediaStream:
    """Tracks that are played in sync, in the order in which they were added.

    Subscribe with `on` to `addtrack` and `removetrack` (MediaStreamTrackEvent): they tell of what
    the peer does, and not of `addTrack` and `removeTrack` here.

    Args:
        tracks: The tracks at first.
        id: The id that descriptions have it by (RFC 8830); a random one by default.
    """

    def __init__(
        self,
        tracks: Iterable[MediaStreamTrack] = (),
        *,
        id: str | None = None,  # noqa: A002 - W3C name
    ) -> None:
        self._id = str(uuid.uuid4()) if id is None else id
        self._tracks: dict[MediaStreamTrack, None] = dict.fromkeys(tracks)
        self._events = EventEmitter("MediaStream", (_ADD_TRACK, _REMOVE_TRACK))

    def __repr__(self) -> str:
        kinds = ", ".join(track.kind for track in self._tracks) or "no tracks"
        return f"<MediaStream {self._id} {kinds}>"

    @property
    def id(self) -> str:
        """The id of the stream."""
        return self._id

    @property
    def active(self) -> bool:
        """Tell whether a track of it is live."""
        return any(track.readyState == "live" for track in self._tracks)

    def getTracks(self) -> list[MediaStreamTrack]:
        """Return the tracks in their order."""
        return list(self._tracks)

    def getAudioTracks(self) -> list[MediaStreamTrack]:
        """Return the audio tracks."""
        return [track for track in self._tracks if track.kind == "audio"]

    def getVideoTracks(self) -> list[MediaStreamTrack]:
        """Return the video tracks."""
        return [track for track in self._tracks if track.kind == "video"]

    def getTrackById(self, id: str) -> MediaStreamTrack | None:  # noqa: A002 - W3C name
        """Return the track with an id, or None."""
        return next((track for track in self._tracks if track.id == id), None)

    def addTrack(self, track: MediaStreamTrack) -> None:
        """Add one more track; nothing happens where the stream has it."""
        self._tracks[track] = None

    def removeTrack(self, track: MediaStreamTrack) -> None:
        """Take a track away; nothing happens where the stream has it not."""
        self._tracks.pop(track, None)

    @overload
    def on(self, event: Literal["addtrack", "removetrack"]) -> Decorator[MediaStreamTrackEvent]: ...
    @overload
    def on(
        self, event: Literal["addtrack", "removetrack"], handler: Takes[MediaStreamTrackEvent]
    ) -> Takes[MediaStreamTrackEvent]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A MediaStream has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def take_track_of_peer(self, track: MediaStreamTrack) -> None:
        """Add a track of the peer, and fire `addtrack`; for the connection."""
        if track not in self._tracks:
            self._tracks[track] = None
            self._events.emit(_ADD_TRACK, MediaStreamTrackEvent(track))

    def drop_track_of_peer(self, track: MediaStreamTrack) -> None:
        """Take a track of the peer away, and fire `removetrack`; for the connection."""
        if track in self._tracks:
            del self._tracks[track]
            self._events.emit(_REMOVE_TRACK, MediaStreamTrackEvent(track))


def stream_id(stream: str | MediaStream) -> str:
    """Return the id of a stream, which may be given by itself."""
    return stream if isinstance(stream, str) else stream.id
