"""The participants of a room: who is there, who is away, and what is sent to all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from peer import (
    BufferFullError,
    DataChannelEvent,
    InvalidStateError,
    PeerConnection,
    PeerError,
    TrackEvent,
)
from peer.printable import printable
from signaling import chat
from signaling.opening import Opening
from signaling.participant import Participant, PeerRestarted, shown
from signaling.room_events import (
    ParticipantLeft,
    RoomDataChannelEvent,
    RoomEvent,
    RoomMessage,
    RoomTrackEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer import MediaStreamTrack, PeerConfiguration
    from peer.emitter import EventEmitter
    from signaling.peer_channel import PeerChannel

_logger = logging.getLogger(__name__)

#: Seconds that a participant has to come back to a room whose server is there (ours): longer than
#: a client goes on to ask for its place.
RETURN_TIME: Final = 60.0
#: Most participants that are kept while they are away (ours), the oldest being given up.
_MOST_AWAY: Final = 64


class Participants:
    """Keeps one connection to each participant of a room, until it leaves.

    Args:
        emitter: Emits the events of the room.
        configuration: Makes the configuration of the next connection.
        opening: How this end takes part in the first exchange with each participant.
    """

    def __init__(
        self,
        emitter: EventEmitter,
        configuration: Callable[[], PeerConfiguration],
        *,
        opening: Opening = Opening.OFFER,
    ) -> None:
        self._emitter = emitter
        self._configuration = configuration
        self._opening = opening
        self._present: dict[str, Participant] = {}
        self._away: list[Participant] = []
        self._published: dict[MediaStreamTrack, tuple[str, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Participants present={len(self._present)} away={len(self._away)}>"

    @property
    def all(self) -> tuple[Participant, ...]:
        """Everybody who has not left, those included who are away."""
        return (*self._present.values(), *self._away)

    def add(self, channel: PeerChannel) -> None:
        """Meet a member of the room: somebody new, or somebody who comes back."""
        if self._closed:
            return
        peer = channel.peer
        for participant in self._away:
            if peer.identity is not None and participant.identity == peer.identity:
                _logger.info("room: %s is back", shown(participant))
                self._away.remove(participant)
                self._present[peer.member] = participant
                participant.take(channel)
                self._emitter.emit(RoomEvent.PARTICIPANT_BACK, participant)
                return
        self._welcome(channel)

    def lose(self, member: str, *, reason: str) -> None:
        """Note that a member has lost its place, and may come back."""
        participant = self._present.pop(member, None)
        if participant is not None:
            self._send_away(participant, reason)
            participant.expect(RETURN_TIME)

    def leave(self, member: str, *, reason: str) -> None:
        """Note that a member has left for good."""
        participant = self._present.get(member)
        if participant is not None:
            participant.end(reason)

    def lose_all(self, reason: str) -> None:
        """Note that the session with the server is over: nobody is reached until there is one."""
        participants = tuple(self._present.values())
        self._present.clear()
        for participant in participants:
            self._send_away(participant, reason)

    def expect_all(self) -> None:
        """Note that the room was joined anew, so that the others are about to return as well."""
        for participant in tuple(self._away):
            participant.expect(RETURN_TIME)

    def publish(self, track: MediaStreamTrack, *streams: str) -> None:
        """Send a track to everybody, those to come included."""
        if track in self._published:
            return
        self._published[track] = streams
        for participant in self.all:
            if participant.ending is None:
                _add_track(participant, track, streams)

    def unpublish(self, track: MediaStreamTrack) -> None:
        """Send a track to nobody any more."""
        if self._published.pop(track, None) is None:
            return
        for participant in self.all:
            for sender in participant.connection.getSenders():
                if participant.ending is None and sender.track is track:
                    participant.connection.removeTrack(sender)

    def send(self, text: str) -> None:
        """Send a text to everybody who is there; one who takes none costs the others nothing."""
        for participant in self.all:
            try:
                participant.send(text)
            except (BufferFullError, InvalidStateError) as error:
                _logger.warning("room: a text does not reach %s: %s", shown(participant), error)

    def end_all(self, reason: str) -> None:
        """End the connection to every participant."""
        self._closed = True
        for participant in self.all:
            participant.end(reason)
            # Who leaves the room, says so to everybody at once.
            participant.lose()

    async def join(self) -> None:
        """Wait until every connection has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _welcome(self, channel: PeerChannel) -> None:
        try:
            connection = PeerConnection(self._configuration())
        except PeerError:
            _logger.exception(
                "room: there can be no connection to %s", printable(channel.peer.name)
            )
            return
        participant = Participant(
            channel,
            connection,
            lambda text: self._on_text(participant, text),
            opening=self._opening,
            on_ringing=self._on_ringing,
        )
        connection.on("track", lambda event: self._on_track(participant, event))
        connection.on("datachannel", lambda event: self._on_data_channel(participant, event))
        self._present[channel.peer.member] = participant
        for track, streams in tuple(self._published.items()):
            if track.readyState == "ended":
                del self._published[track]
            else:
                _add_track(participant, track, streams)
        _logger.info("room: %s is there", shown(participant))
        self._emitter.emit(RoomEvent.PARTICIPANT_JOINED, participant)
        task = asyncio.create_task(self._serve(participant))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, participant: Participant) -> None:
        restarted: PeerChannel | None = None
        try:
            await participant.run()
        except PeerRestarted as restart:
            restarted = restart.channel
        except Exception as error:
            # One participant must not end the calls of the others, whatever it has found in us.
            _logger.exception("room: the connection to a participant failed by a fault of ours")
            participant.end(f"a fault of this end: {error}")
        finally:
            self._forget(participant)
        ending = participant.ending
        assert ending is not None
        level = logging.INFO if ending.error is None else logging.WARNING
        _logger.log(level, "room: %s is gone: %s", shown(participant), printable(ending.reason))
        left = ParticipantLeft(participant=participant, reason=ending.reason, error=ending.error)
        self._emitter.emit(RoomEvent.PARTICIPANT_LEFT, left)
        if restarted is not None:
            self.add(restarted)

    def _send_away(self, participant: Participant, reason: str) -> None:
        _logger.info("room: %s is away: %s", shown(participant), printable(reason))
        participant.lose()
        self._away.append(participant)
        self._emitter.emit(RoomEvent.PARTICIPANT_AWAY, participant)
        if len(self._away) > _MOST_AWAY:
            self._away[0].end("too many are away at the same time")

    def _forget(self, participant: Participant) -> None:
        if self._present.get(participant.member) is participant:
            del self._present[participant.member]
        if participant in self._away:
            self._away.remove(participant)

    def _on_ringing(self, participant: Participant) -> None:
        _logger.info("room: %s rings", shown(participant))
        self._emitter.emit(RoomEvent.RINGING, participant)

    def _on_track(self, participant: Participant, event: TrackEvent) -> None:
        told = RoomTrackEvent(
            track=event.track,
            receiver=event.receiver,
            transceiver=event.transceiver,
            streams=event.streams,
            resumed=event.resumed,
            media_streams=event.media_streams,
            participant=participant,
        )
        self._emitter.emit(RoomEvent.TRACK, told)

    def _on_data_channel(self, participant: Participant, event: DataChannelEvent) -> None:
        if event.channel.label == chat.LABEL:
            participant.chat.adopt(event.channel)
            return
        told = RoomDataChannelEvent(channel=event.channel, participant=participant)
        self._emitter.emit(RoomEvent.DATA_CHANNEL, told)

    def _on_text(self, participant: Participant, text: str) -> None:
        self._emitter.emit(RoomEvent.MESSAGE, RoomMessage(participant=participant, text=text))


def _add_track(participant: Participant, track: MediaStreamTrack, streams: tuple[str, ...]) -> None:
    try:
        participant.connection.addTrack(track, *streams)
    except PeerError as error:
        _logger.warning("room: a track is not sent to %s: %s", shown(participant), error)
