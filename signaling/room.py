"""A room as one member sees it: its participants, or a bare channel to each other member."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, assert_never, overload

import msgspec

from peer import InvalidStateError, PeerConfiguration
from peer.emitter import EventEmitter
from peer.rtp.tracks import MediaStreamError
from signaling.errors import ChannelClosed, ChannelLost
from signaling.ice_servers import usable
from signaling.link import Event, Link, Token
from signaling.messages import (
    Bye,
    Candidate,
    Description,
    Error,
    Invite,
    Joined,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    PeerMessage,
    PhraseMessage,
    ProgramNote,
    Relayed,
)
from signaling.opening import Opening
from signaling.participants import Participants
from signaling.peer_channel import PeerChannel
from signaling.ringing import Ringing
from signaling.room_events import (
    ParticipantLeft,
    RoomBack,
    RoomDataChannelEvent,
    RoomEvent,
    RoomMessage,
    RoomTrackEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from websockets.asyncio.client import ClientConnection

    from peer import IceServer, MediaStreamTrack, PeerConnection
    from peer.emitter import Decorator, Handler, Takes
    from peer.tracing import TraceSink
    from signaling.backoff import Reconnect
    from signaling.participant import Participant

_logger = logging.getLogger(__name__)

#: Most other members of a room that are taken note of (ours); a server of ours has 64.
_MOST: Final = 256
#: Seconds for handlers of events to complete their work when the room is left (ours).
_DRAIN: Final = 10.0
#: Seconds to say goodbye to a room (ours).
_GOODBYE: Final = 1.0

ParticipantEventName: TypeAlias = Literal[
    "participantjoined", "participantaway", "participantback", "ringing"
]


class Room:
    """A room that we are in; made by `signaling.join`.

    Use its participants, each with a connection that the room negotiates: `on`, `publish`, `send`,
    `participants`. Or take a channel to each other member and run Negotiators of your own:
    `channels`; or call several members with one offer: `ring`. With participants the room is joined
    again where its session is over, for as long as the `Reconnect` says, and the connections live
    on meanwhile; channels end with ChannelLost then.

    Events, subscribed to with `on`: `participantjoined`, `participantaway` (it has lost its place,
    its connection lives on), `participantback` (Participant), `participantleft` (ParticipantLeft),
    `ringing` (Participant: it calls, and the room was joined with `Opening.EARLY_ANSWER`),
    `track` (RoomTrackEvent), `datachannel` (RoomDataChannelEvent), `message` (RoomMessage), `away`
    (a sentence: there is no connection to the server) and `back` (RoomBack).

    Attributes:
        member: The name by which the other members address us.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[ClientConnection]],
        reconnect: Reconnect | None,
        configuration: PeerConfiguration | None = None,
        *,
        opening: Opening = Opening.OFFER,
    ) -> None:
        self.member = ""
        self._opening = Opening(opening)
        self._configuration = configuration or PeerConfiguration()
        # Kept for as long as this object lives: by it the others know us again.
        self._link = Link(
            dial, reconnect=reconnect, owner=self, identity_secret=new_identity_secret()
        )
        self._channels: dict[str, PeerChannel] = {}
        self._new: dict[str, PeerChannel] = {}
        self._hung_up: set[str] = set()
        self._emitter = EventEmitter("Room", RoomEvent, _is_expected)
        self._participants: Participants | None = None
        self._has_begun = False
        self._gives_channels = False
        self._away_since: float | None = None
        self._changed = asyncio.Event()
        self._ended: ChannelClosed | None = None

    def __repr__(self) -> str:
        return f"<Room member={self.member!r} peers={len(self._channels)} {self._link!r}>"

    async def open(self, *, room: str, name: str, token: Token = None) -> None:
        """Join a room of the server; arguments and errors are those of `signaling.join`."""
        joined = await self._link.open(room=room, name=name, token=token)
        self.member = joined.member
        for peer in joined.peers:
            self._add(peer, polite=True)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The other members who are present."""
        return tuple(channel.peer for channel in self._channels.values())

    @property
    def participants(self) -> tuple[Participant, ...]:
        """The other participants, those included who lost their place and may come back."""
        return self._people().all

    def participant(self, name: str) -> Participant | None:
        """Return the participant of this name, the first of several; None where there is none."""
        return next((each for each in self.participants if each.name == name), None)

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """STUN and TURN servers that the room server names, for `PeerConfiguration.iceServers`.

        Credentials may run out: ask anew for each connection.
        """
        return usable(self._link.ice_servers)

    @overload
    def on(self, event: ParticipantEventName) -> Decorator[Participant]: ...
    @overload
    def on(
        self,
        event: ParticipantEventName,
        handler: Takes[Participant],
    ) -> Takes[Participant]: ...
    @overload
    def on(self, event: Literal["participantleft"]) -> Decorator[ParticipantLeft]: ...
    @overload
    def on(
        self, event: Literal["participantleft"], handler: Takes[ParticipantLeft]
    ) -> Takes[ParticipantLeft]: ...
    @overload
    def on(self, event: Literal["track"]) -> Decorator[RoomTrackEvent]: ...
    @overload
    def on(
        self, event: Literal["track"], handler: Takes[RoomTrackEvent]
    ) -> Takes[RoomTrackEvent]: ...
    @overload
    def on(self, event: Literal["datachannel"]) -> Decorator[RoomDataChannelEvent]: ...
    @overload
    def on(
        self, event: Literal["datachannel"], handler: Takes[RoomDataChannelEvent]
    ) -> Takes[RoomDataChannelEvent]: ...
    @overload
    def on(self, event: Literal["message"]) -> Decorator[RoomMessage]: ...
    @overload
    def on(self, event: Literal["message"], handler: Takes[RoomMessage]) -> Takes[RoomMessage]: ...
    @overload
    def on(self, event: Literal["away"]) -> Decorator[str]: ...
    @overload
    def on(self, event: Literal["away"], handler: Takes[str]) -> Takes[str]: ...
    @overload
    def on(self, event: Literal["back"]) -> Decorator[RoomBack]: ...
    @overload
    def on(self, event: Literal["back"], handler: Takes[RoomBack]) -> Takes[RoomBack]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@room.on("track")`.

        Handlers that are added at once after the join, without an `await` between, miss nothing.

        Raises:
            ValueError: A Room has no event of that name; the error lists those it has.
            RuntimeError: The room's channels were taken instead.
        """
        self._people()
        return self._emitter.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._emitter.remove_listener(event, handler)

    def publish(self, track: MediaStreamTrack, *streams: str) -> None:
        """Send a track to every participant, those to come included; it is encoded once.

        Args:
            track: The track.
            streams: Ids of its MediaStreams, as for `PeerConnection.addTrack`.
        """
        self._people().publish(track, *streams)

    def unpublish(self, track: MediaStreamTrack) -> None:
        """Take a published track from everybody."""
        self._people().unpublish(track)

    def send(self, text: str) -> None:
        """Send a text to every participant who is there: see `Participant.send`.

        Raises:
            ValueError: The text is longer than 16,384 characters.
        """
        self._people().send(text)

    def ring(
        self,
        connection: PeerConnection,
        *members: str,
        trace: Callable[[PeerChannel], TraceSink] | None = None,
    ) -> Ringing:
        """Call several members with one offer, and have a connection for each that answers.

        `async with` it: see `Ringing`. The room's channels to them belong to it from now on.

        Args:
            connection: Makes the offer, and is closed at the end of the block; each device has a
                fork of it, with the same tracks. `max_forks` says how many may answer.
            members: `Peer.member` of each; everybody who is present where none is given.
            trace: Makes the sink for the trace of the connection to one; None for none.

        Raises:
            ValueError: There is no such member.
            RuntimeError: The room's participants are used instead.
        """
        if self._participants is not None:
            raise RuntimeError("the channels of this room belong to its participants")
        chosen = members or tuple(self._channels)
        unknown = [member for member in chosen if member not in self._channels]
        if unknown:
            raise ValueError(f"no member {unknown[0]!r} is in the room")
        self._gives_channels = True
        for member in chosen:
            self._new.pop(member, None)
        channels = [self._channels[member] for member in dict.fromkeys(chosen)]
        return Ringing(connection, channels, trace=trace)

    async def closed(self) -> None:
        """Wait until we have left the room.

        Raises:
            ChannelLost: The server is lost for good, or does not let us return.
        """
        while self._ended is None:
            self._changed.clear()
            await self._changed.wait()
        if isinstance(self._ended, ChannelLost):
            raise copy.copy(self._ended)

    async def channels(self) -> AsyncIterator[PeerChannel]:
        """Yield a channel to each other member: those present, then each one that joins.

        Each channel is given once. Ends when we leave the room.

        Raises:
            ChannelLost: The connection to the server broke and could not be restored.
            RuntimeError: The room's participants are used instead.
        """
        if self._participants is not None:
            raise RuntimeError("the channels of this room belong to its participants")
        self._gives_channels = True
        while True:
            while self._new:
                yield self._new.pop(next(iter(self._new)))
            if isinstance(self._ended, ChannelLost):
                raise copy.copy(self._ended)
            if self._ended is not None:
                return
            self._changed.clear()
            await self._changed.wait()

    async def next_channel(self) -> PeerChannel:
        """Wait for the next channel of `channels()`.

        Raises:
            ChannelClosed: We have left the room.
        """
        async for channel in self.channels():
            return channel
        raise ChannelClosed("this end left the room")

    async def close(self) -> None:
        """Leave the room, which ends its connections and closes its channels at both ends.

        Handlers of events that run have 10 seconds to complete their work.
        """
        people = self._participants
        try:
            if people is not None:
                people.end_all("this end left the room")
                await people.join()
        finally:
            await self._say_goodbye()
            await self._link.close()
        self._emitter.release(asyncio.current_task())
        try:
            async with asyncio.timeout(_DRAIN):
                await self._emitter.join()
        except TimeoutError:
            _logger.warning("room: handlers of events did not complete within %g s", _DRAIN)
        await self._emitter.close()

    async def _say_goodbye(self) -> None:
        """Tell the others that we do not come back: a page waits for one that may be reloading."""
        if self._channels and self._ended is None and self._away_since is None:
            with contextlib.suppress(TimeoutError, ChannelClosed):
                async with asyncio.timeout(_GOODBYE):
                    await self._link.send(Bye(reason="left"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def joins_again(self) -> bool:
        """True where the room has participants: it is joined again after the end of a session."""
        return self._participants is not None

    def on_message(self, message: Event) -> None:
        """Take a message of the link."""
        match message:
            case PeerJoined():
                peer = Peer(member=message.member, name=message.name, identity=message.identity)
                self._add(peer, polite=False)
            case PeerLeft():
                self._remove(message)
            case Bye():
                channel = self._channel(message)
                if channel is not None and channel.ended is None:
                    self._hung_up.add(channel.peer.member)
                    channel.end(ChannelClosed(message.reason or "the peer closed the channel"))
            case ProgramNote():
                _logger.debug("room: a note about %r is passed over", message.label)
            case Description() | Invite() | Candidate() | PhraseMessage() | Error():
                channel = self._channel(message)
                if channel is not None:
                    self._deliver(channel, message)
            case _:
                assert_never(message)

    def on_away(self, reason: str) -> None:
        """Note that there is no connection to the server."""
        _logger.info("room: no connection to the server: %s", reason)
        self._away_since = asyncio.get_running_loop().time()
        self._emitter.emit(RoomEvent.AWAY, reason)

    def on_session_over(self, end: ChannelLost) -> None:
        """Note that no message of the session comes any more."""
        _logger.info("room: the session is over, and the room joined again: %s", end.reason)
        self._end_channels(end)
        if self._participants is not None:
            self._participants.lose_all(end.reason)

    def on_back(self, joined: Joined | None) -> None:
        """Note that the server is there again."""
        now = asyncio.get_running_loop().time()
        since, self._away_since = self._away_since, None
        if joined is not None:
            self.member = joined.member
            for peer in joined.peers:
                self._add(peer, polite=True)
            if self._participants is not None:
                self._participants.expect_all()
        seconds = 0.0 if since is None else now - since
        _logger.info("room: the server is there again after %.1f s", seconds)
        self._emitter.emit(RoomEvent.BACK, RoomBack(rejoined=joined is not None, seconds=seconds))

    def on_end(self, end: ChannelClosed) -> None:
        """Note that we are no member any more."""
        self._ended = end
        self._end_channels(end)
        if self._participants is not None:
            self._participants.end_all(end.reason)
        self._changed.set()

    def _people(self) -> Participants:
        if self._participants is None:
            if self._gives_channels:
                raise RuntimeError("the channels of this room are taken: it has no participants")
            self._participants = Participants(
                self._emitter, self._next_configuration, opening=self._opening
            )
            # Later, so that the handlers that are added next do not miss those who are there.
            asyncio.get_running_loop().call_soon(self._begin)
        return self._participants

    def _next_configuration(self) -> PeerConfiguration:
        if self._configuration.iceServers:
            return self._configuration
        return dataclasses.replace(self._configuration, iceServers=self.ice_servers)

    def _begin(self) -> None:
        self._has_begun = True
        assert self._participants is not None
        while self._new:
            self._participants.add(self._new.pop(next(iter(self._new))))

    def _channel(self, message: Relayed) -> PeerChannel | None:
        channel = self._channels.get(message.sender or "")
        if channel is None:
            _logger.warning("the signalling server passed on a message of nobody known")
        return channel

    def _deliver(self, channel: PeerChannel, message: PeerMessage) -> None:
        peer = channel.peer
        if isinstance(message, Offer | Invite) and peer.member in self._hung_up:
            # Who has hung up, calls again.
            channel = self._add(peer, polite=channel.polite)
        channel.deliver(msgspec.structs.replace(message, to=None, sender=None))

    def _add(self, peer: Peer, *, polite: bool) -> PeerChannel:
        channel = PeerChannel(peer, polite=polite, send=self._link.send)
        self._hung_up.discard(peer.member)
        if len(self._channels) >= _MOST and peer.member not in self._channels:
            _logger.warning("room: more than %d members are passed over", _MOST)
            return channel
        self._channels[peer.member] = channel
        if self._has_begun and self._participants is not None:
            self._participants.add(channel)
        else:
            self._new[peer.member] = channel
            self._changed.set()
        return channel

    def _remove(self, message: PeerLeft) -> None:
        # A channel that nobody has asked for goes with its peer: else they would pile up.
        self._new.pop(message.member, None)
        self._hung_up.discard(message.member)
        channel = self._channels.pop(message.member, None)
        if channel is None:
            return
        reason = f"the peer left the room: {message.reason}"
        if self._participants is None:
            channel.end(ChannelClosed(reason))
        elif message.may_return:
            self._participants.lose(message.member, reason=message.reason)
            channel.end(ChannelLost(reason))
        else:
            self._participants.leave(message.member, reason=message.reason or "left")
            channel.end(ChannelClosed(reason))

    def _end_channels(self, end: ChannelClosed) -> None:
        for channel in self._channels.values():
            channel.end(end)
        self._channels.clear()
        self._new.clear()
        self._hung_up.clear()


def new_identity_secret() -> str:
    """Make an `identitySecret` that nobody can guess."""
    return secrets.token_urlsafe(32)


def _is_expected(error: BaseException) -> bool:
    # A handler ends without a fault with its track, or as its participant has left.
    return isinstance(error, MediaStreamError | InvalidStateError)
