"""Tracks of the peer, their streams, and whether they are muted (webrtc-pc section 4.4.1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from peer.rtp.media_stream import MediaStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peer.negotiation.session import Session
    from peer.rtp.inbound.received_track import ReceivedTrack
    from peer.runtime.transceiver_control import TransceiverControl


class RemoteTracks:
    """Keeps the streams of the peer as its descriptions name them."""

    def __init__(self) -> None:
        #: By id; one without tracks stays for as long as a program has it.
        self._streams: WeakValueDictionary[str, MediaStream] = WeakValueDictionary()
        self._members: dict[int, tuple[ReceivedTrack, tuple[MediaStream, ...]]] = {}

    def __repr__(self) -> str:
        return f"<RemoteTracks {list(self._members)} of {list(self._streams)}>"

    def streams_of(self, key: int) -> tuple[MediaStream, ...]:
        """Return the streams of the track of a transceiver."""
        return self._members[key][1] if key in self._members else ()

    def update(self, controls: Mapping[int, TransceiverControl], session: Session) -> None:
        """Mute what the peer sends no more, and then change streams as a description says.

        Args:
            controls: The transceivers of the connection that have not ended, by their keys.
            session: The session as the description has made it.
        """
        before, self._members = self._members, self._wanted(controls, session)
        for key, (track, _) in before.items():
            if key not in self._members:
                track.expect_media(expected=False)
        for key, (track, streams) in before.items():
            for stream in _without(streams, self.streams_of(key)):
                stream.drop_track_of_peer(track)
        for key, (track, streams) in tuple(self._members.items()):
            for stream in _without(streams, before[key][1] if key in before else ()):
                stream.take_track_of_peer(track)
            track.expect_media(expected=True)

    def _wanted(
        self, controls: Mapping[int, TransceiverControl], session: Session
    ) -> dict[int, tuple[ReceivedTrack, tuple[MediaStream, ...]]]:
        return {
            state.key: (
                controls[state.key].receiver.track,
                tuple(self._stream(each) for each in state.remote_streams),
            )
            for state in session.transceivers
            if state.receiving and state.key in controls
        }

    def _stream(self, name: str) -> MediaStream:
        return self._streams.setdefault(name, MediaStream(id=name))


def _without(streams: Iterable[MediaStream], others: tuple[MediaStream, ...]) -> list[MediaStream]:
    return [stream for stream in streams if stream not in others]
