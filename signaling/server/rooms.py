"""Rooms of one server, their members and queued frames. PURE: frames and times in, effects out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, assert_never

import msgspec

from peer.values import dataclass
from signaling.alarms import Alarms
from signaling.backlog import Backlog
from signaling.errors import ErrorCode
from signaling.messages import (
    Ack,
    Error,
    Join,
    Joined,
    Message,
    Peer,
    PeerJoined,
    PeerLeft,
    Pong,
    Relayed,
    Resume,
    Resumed,
    encode,
    identity_of,
    octets_of,
)
from signaling.server.frames import Fault, read_later, wrong_ack
from signaling.server.refusals import (
    RESUMED_ELSEWHERE,
    RIGHT_RAN_OUT,
    members_full,
    no_such_peer,
    room_full,
    rooms_full,
)
from signaling.server.statistics import Load

if TYPE_CHECKING:
    from signaling.ice_servers import IceServerEntry
    from signaling.server.limits import Limits


class ConnectionId(NamedTuple):
    """Identifies one connection of one member; frames from an earlier connection have no effect."""

    # A tuple, as each message looks several of them up.

    member: str
    number: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A connection is admitted to its room, and is to be sent the reply first."""

    connection_id: ConnectionId
    reply: Joined | Resumed


@dataclass(frozen=True, slots=True)
class Refused:
    """A connection is refused, and is to be sent the error."""

    error: Error


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a room, taken or asked for."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Frames are ready for this connection: call `Rooms.take`."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A connection is to be sent the error and closed."""

    connection_id: ConnectionId
    error: Error


@dataclass(frozen=True, slots=True)
class Charge:
    """A message of this connection's member was queued for others, and is to slow it down.

    Args:
        connection_id: That of the sender.
        octets: The message's, times its receivers.
    """

    connection_id: ConnectionId
    octets: int


Effect: TypeAlias = Wake | Disconnect | Charge
Effects: TypeAlias = tuple[Effect, ...]

_GONE: Final = Error(code=ErrorCode.UNKNOWN_SESSION, reason="the session is over, or never was")
#: Ends of a seat after which its participant may join again, or has done so.
MAY_RETURN: Final = frozenset({ErrorCode.IDLE, ErrorCode.REPLACED, ErrorCode.TOO_SLOW})


class _Due(Enum):
    """Kinds of ends that come to a member with time."""

    #: It has had no connection for the lifetime of a session.
    RETURN = "return"
    #: Its right to be here ends.
    RIGHT = "right"


@dataclasses.dataclass(slots=True)
class _Member:
    peer: Peer
    room: str
    session: str | None
    backlog: Backlog
    connection_id: ConnectionId
    received: int = 0
    acknowledged: int = 0
    faults: int = 0
    #: Its connection broke, and it has not come back yet.
    is_away: bool = False


@dataclasses.dataclass(slots=True)
class Rooms:
    """State machine of all rooms of one server.

    Args:
        limits: Bounds of the server.
        new_name: Makes a name for a member; called again if it is taken.
        new_secret: Makes a session secret that cannot be guessed.
        ice_servers: Names the STUN and TURN servers for a member, with credentials of its own.
    """

    limits: Limits
    new_name: Callable[[], str]
    new_secret: Callable[[], str]
    ice_servers: Callable[[str], tuple[IceServerEntry, ...]] = lambda _: ()
    _members: dict[str, _Member] = field(default_factory=dict)
    _rooms: dict[str, dict[str, _Member]] = field(default_factory=dict)
    _sessions: dict[str, _Member] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _alarms: Alarms[tuple[_Due, str]] = field(default_factory=Alarms)

    def seat(self, message: Join | Resume) -> Seat | Refused:
        """Return the room and the name that a first message is about."""
        match message:
            case Join():
                return Seat(room=message.room, name=message.name)
            case Resume():
                member = self._sessions.get(message.session)
                if member is None:
                    return Refused(_GONE)
                return Seat(room=member.room, name=member.peer.name)
            case _:
                assert_never(message)

    def admit(
        self, message: Join | Resume, *, name: str | None = None, ends_at: float | None = None
    ) -> tuple[Admitted | Refused, Effects]:
        """Process the first message of a connection.

        Args:
            message: A join or a resume.
            name: The name of a new member, in place of the one that it asks for.
            ends_at: Time in seconds at which `expire` removes the member; None for never.
        """
        match message:
            case Join():
                return self._join(message, message.name if name is None else name, ends_at)
            case Resume():
                return self._resume(message, ends_at)
            case _:
                assert_never(message)

    def receive(self, connection_id: ConnectionId, frame: str | bytes) -> Effects:
        """Process a later frame of a connection."""
        member = self._at(connection_id)
        if member is None:
            return ()
        message = read_later(frame, self.limits)
        match message:
            case Pong():
                return ()
            case Ack(received=received):
                if member.backlog.acknowledge(received):
                    return ()
                return self._fault(member, wrong_ack())
            case Fault(counted=counted):
                member.received += counted
                return (*self._fault(member, message), *_acknowledging(member))
            case _:
                member.received += 1
                return (*self._relay(member, message), *_acknowledging(member))

    def take(self, connection_id: ConnectionId) -> str | None:
        """Return the next frame to send on this connection, or None."""
        member = self._at(connection_id)
        if member is None:
            return None
        frame = member.backlog.take()
        if member.session is None:
            member.backlog.acknowledge_taken()
        elif frame is None and member.acknowledged < member.received:
            member.acknowledged = member.received
            return encode(Ack(received=member.received))
        return frame

    def disconnect(self, connection_id: ConnectionId, *, left: bool, now: float) -> Effects:
        """Process the loss of a connection.

        Args:
            connection_id: The identifier from `Admitted`.
            left: Whether the member meant to leave.
            now: Current time in seconds.
        """
        member = self._at(connection_id)
        if member is None:
            return ()
        if left or member.session is None:
            reason = "left" if left else "the connection broke"
            return self._remove(member, reason, may_return=not left)
        member.is_away = True
        self._alarms.start((_Due.RETURN, member.peer.member), now + self.limits.session_lifetime)
        return ()

    def load(self) -> Load:
        """Count what is kept at present."""
        members = self._members.values()
        away = sum(member.is_away for member in members)
        return Load(
            rooms=len(self._rooms),
            connected=len(members) - away,
            away=away,
            backlog=sum(member.backlog.waiting for member in members),
        )

    def expel(self, connection_id: ConnectionId, code: ErrorCode, reason: str) -> Effects:
        """Remove a member for a fault or for silence on its connection."""
        member = self._at(connection_id)
        return () if member is None else self._end(member, code, reason)

    def expire(self, now: float) -> Effects:
        """Remove members that did not resume in time, and those whose rights have run out."""
        effects: list[Effect] = []
        for due, name in self._alarms.take(now):
            member = self._members[name]
            match due:
                case _Due.RETURN:
                    effects += self._remove(member, "the connection broke", may_return=True)
                case _Due.RIGHT:
                    effects += self._end(member, RIGHT_RAN_OUT.code, RIGHT_RAN_OUT.reason)
                case _:
                    assert_never(due)
        return tuple(effects)

    def next_deadline(self) -> float | None:
        """Time at which `expire` is to be called; None while there is none."""
        return self._alarms.next_time()

    def _join(
        self, message: Join, shown: str, ends_at: float | None
    ) -> tuple[Admitted | Refused, Effects]:
        room = self._rooms.get(message.room, {})
        identity = None
        effects: Effects = ()
        if message.identity_secret is not None:
            identity = identity_of(message.identity_secret)
            effects = self._replace(room, identity)
        full = self._full(room)
        if full is not None:
            return Refused(full), ()
        name = self.new_name()
        while name in self._members:
            name = self.new_name()
        member = _Member(
            peer=Peer(member=name, name=shown, identity=identity),
            room=message.room,
            session=self.new_secret() if message.resumable else None,
            backlog=Backlog(messages=self.limits.backlog_messages, size=self.limits.backlog_size),
            connection_id=ConnectionId(name, next(self._numbers)),
        )
        self._right_ends(name, ends_at)
        others = tuple(room.values())
        self._rooms.setdefault(message.room, room)[name] = member
        self._members[name] = member
        if member.session is not None:
            self._sessions[member.session] = member
        peers = tuple(other.peer for other in others)
        reply = Joined(
            member=name, peers=peers, session=member.session, iceServers=self.ice_servers(name)
        )
        effects = (*effects, *self._announce(member, others))
        return Admitted(member.connection_id, reply), effects

    def _replace(self, room: dict[str, _Member], identity: str) -> Effects:
        """Take the seat from a participant who joins again."""
        for member in room.values():
            if member.peer.identity == identity:
                reason = "the same participant joined over another connection"
                return self._end(member, ErrorCode.REPLACED, reason)
        return ()

    def _announce(self, newcomer: _Member, others: tuple[_Member, ...]) -> Effects:
        peer = newcomer.peer
        told = PeerJoined(member=peer.member, name=peer.name, identity=peer.identity)
        common = encode(told)
        effects: list[Effect] = []
        for other in others:
            # A member may be here for longer than its first credentials are valid.
            servers = self.ice_servers(other.peer.member)
            own = msgspec.structs.replace(told, iceServers=servers) if servers else None
            effects += self._queue(other, common if own is None else encode(own))
        return tuple(effects)

    def _full(self, room: dict[str, _Member]) -> Error | None:
        if len(room) >= self.limits.members_per_room:
            return room_full(self.limits)
        if len(self._members) >= self.limits.members:
            return members_full(self.limits)
        if not room and len(self._rooms) >= self.limits.rooms:
            return rooms_full(self.limits)
        return None

    def _resume(self, message: Resume, ends_at: float | None) -> tuple[Admitted | Refused, Effects]:
        member = self._sessions.get(message.session)
        if member is None or not member.backlog.rewind(message.received):
            return Refused(_GONE), ()
        effects: Effects = ()
        if not member.is_away:
            effects = (Disconnect(member.connection_id, RESUMED_ELSEWHERE),)
        member.connection_id = ConnectionId(member.peer.member, next(self._numbers))
        member.is_away = False
        self._alarms.stop((_Due.RETURN, member.peer.member))
        self._right_ends(member.peer.member, ends_at)
        member.acknowledged = member.received
        servers = self.ice_servers(member.peer.member)
        reply = Resumed(received=member.received, iceServers=servers)
        return Admitted(member.connection_id, reply), effects

    def _relay(self, sender: _Member, message: Relayed) -> Effects:
        room = self._rooms[sender.room]
        if message.to is None:
            targets = [member for member in room.values() if member is not sender]
        else:
            target = room.get(message.to)
            targets = [] if target is None or target is sender else [target]
        if not targets:
            return self._post(sender, no_such_peer(message.to))
        sent = msgspec.structs.replace(message, to=None, sender=sender.peer.member)
        text = encode(sent)
        charge = Charge(sender.connection_id, octets_of(text) * len(targets))
        return (charge, *self._post_all(targets, text))

    def _fault(self, member: _Member, fault: Fault) -> Effects:
        member.faults += 1
        if member.faults >= self.limits.faults:
            return self._end(member, fault.error.code, fault.error.reason)
        return self._post(member, fault.error)

    def _post_all(self, members: Iterable[_Member], text: str) -> Effects:
        effects: list[Effect] = []
        for member in members:
            effects += self._queue(member, text)
        return tuple(effects)

    def _post(self, member: _Member, message: Message) -> Effects:
        return self._queue(member, encode(message))

    def _queue(self, member: _Member, text: str) -> Effects:
        # Removed by an earlier message of the same event: a too slow member tells the others.
        if self._members.get(member.peer.member) is not member:
            return ()
        if member.backlog.append(text):
            return () if member.is_away else (Wake(member.connection_id),)
        return self._end(member, ErrorCode.TOO_SLOW, "more messages wait than are kept")

    def _end(self, member: _Member, code: ErrorCode, reason: str) -> Effects:
        effects = self._remove(member, f"disconnected: {code}", may_return=code in MAY_RETURN)
        if member.is_away:
            return effects
        return (Disconnect(member.connection_id, Error(code=code, reason=reason)), *effects)

    def _remove(self, member: _Member, reason: str, *, may_return: bool) -> Effects:
        room = self._rooms[member.room]
        del room[member.peer.member]
        del self._members[member.peer.member]
        if member.session is not None:
            del self._sessions[member.session]
        for due in _Due:
            self._alarms.stop((due, member.peer.member))
        if not room:
            del self._rooms[member.room]
        known = member.peer.identity is not None
        left = PeerLeft(member=member.peer.member, reason=reason, may_return=known and may_return)
        return self._post_all([*room.values()], encode(left))

    def _right_ends(self, member: str, ends_at: float | None) -> None:
        """Note when the right of a member to be here ends; None for never."""
        if ends_at is None:
            self._alarms.stop((_Due.RIGHT, member))
        else:
            self._alarms.start((_Due.RIGHT, member), ends_at)

    def _at(self, connection_id: ConnectionId) -> _Member | None:
        member = self._members.get(connection_id.member)
        if member is None or member.connection_id != connection_id or member.is_away:
            return None
        return member


def _acknowledging(member: _Member) -> Effects:
    """Let a member be told what has arrived, where its session counts."""
    return () if member.session is None else (Wake(member.connection_id),)
