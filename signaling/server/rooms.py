"""Owns who is in which room and what waits for whom. Pure: frames and times in, values out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import msgspec

from signaling.backlog import Backlog
from signaling.errors import MessageError
from signaling.messages import (
    Ack,
    Bye,
    Candidate,
    Description,
    Error,
    ErrorCode,
    Join,
    Joined,
    Message,
    Peer,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    Relayed,
    Resume,
    Resumed,
    decode,
    encode,
)

if TYPE_CHECKING:
    from signaling.server.limits import Limits


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection of one member; what a member does from an earlier seat has no effect."""

    member: str
    number: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A connection has a seat now, and is to be sent the reply first."""

    seat: Seat
    reply: Joined | Resumed


@dataclass(frozen=True, slots=True)
class Refused:
    """A connection gets no seat, and is to be sent the error."""

    error: Error


@dataclass(frozen=True, slots=True)
class Wake:
    """There is something to take for this seat."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class End:
    """This seat is over: send the error and disconnect."""

    seat: Seat
    error: Error


Effect: TypeAlias = Wake | End
Effects: TypeAlias = tuple[Effect, ...]

_GONE: Final = Error(code=ErrorCode.UNKNOWN_SESSION, reason="the session is over, or never was")


@dataclass(slots=True)
class _Member:
    peer: Peer
    room: str
    session: str | None
    backlog: Backlog
    seat: Seat
    received: int = 0
    acknowledged: int = 0
    faults: int = 0
    #: When a member without a connection is given up; None while it has one.
    deadline: float | None = None


@dataclass(slots=True)
class Rooms:
    """All rooms of one server.

    Args:
        limits: The bounds.
        new_name: Makes a name for a member; called again if it is taken.
        new_secret: Makes a session secret that cannot be guessed.
    """

    limits: Limits
    new_name: Callable[[], str]
    new_secret: Callable[[], str]
    _members: dict[str, _Member] = field(default_factory=dict)
    _rooms: dict[str, dict[str, _Member]] = field(default_factory=dict)
    _sessions: dict[str, _Member] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def admit(self, frame: str | bytes) -> tuple[Admitted | Refused, Effects]:
        """Take the first frame of a connection."""
        try:
            message = decode(frame, limit=self.limits.message_size)
        except MessageError as error:
            return Refused(Error(code=error.code, reason=error.reason)), ()
        match message:
            case Join():
                return self._join(message)
            case Resume():
                return self._resume(message)
            case _:
                reason = "the first message is a join or a resume"
                return Refused(Error(code=ErrorCode.UNEXPECTED, reason=reason)), ()

    def receive(self, seat: Seat, frame: str | bytes) -> Effects:
        """Take a later frame."""
        member = self._at(seat)
        if member is None:
            return ()
        try:
            message = decode(frame, limit=self.limits.message_size)
        except MessageError as error:
            member.received += 1
            return (*self._fault(member, error.code, error.reason), Wake(seat))
        return self._handle(member, message)

    def take(self, seat: Seat) -> str | None:
        """The next frame to send on this connection; None if there is none now."""
        member = self._at(seat)
        if member is None:
            return None
        frame = member.backlog.take()
        if member.session is None:
            member.backlog.acknowledge_taken()
        elif frame is None and member.acknowledged < member.received:
            member.acknowledged = member.received
            return encode(Ack(received=member.received))
        return frame

    def disconnect(self, seat: Seat, *, left: bool, now: float) -> Effects:
        """Take note that the connection of a seat is gone.

        Args:
            seat: From `Admitted`.
            left: The member meant it.
            now: Seconds.
        """
        member = self._at(seat)
        if member is None:
            return ()
        if left or member.session is None:
            return self._remove(member, "left" if left else "the connection broke")
        member.deadline = now + self.limits.session_lifetime
        return ()

    def expel(self, seat: Seat, code: ErrorCode, reason: str) -> Effects:
        """Remove a member for what it did, or did not do, on its connection."""
        member = self._at(seat)
        return () if member is None else self._end(member, code, reason)

    def expire(self, now: float) -> Effects:
        """Give up the members that have not returned in time."""
        overdue = [
            member
            for member in self._members.values()
            if member.deadline is not None and member.deadline <= now
        ]
        effects: list[Effect] = []
        for member in overdue:
            effects += self._remove(member, "the connection broke")
        return tuple(effects)

    def next_deadline(self) -> float | None:
        """When `expire` is to be called; None while every member has a connection."""
        deadlines = (member.deadline for member in self._members.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _join(self, message: Join) -> tuple[Admitted | Refused, Effects]:
        room = self._rooms.get(message.room, {})
        full = self._full(room)
        if full is not None:
            return Refused(full), ()
        name = self.new_name()
        while name in self._members:
            name = self.new_name()
        member = _Member(
            peer=Peer(member=name, name=message.name),
            room=message.room,
            session=self.new_secret() if message.resumable else None,
            backlog=Backlog(messages=self.limits.backlog_messages, size=self.limits.backlog_size),
            seat=Seat(name, next(self._numbers)),
        )
        others = tuple(room.values())
        self._rooms.setdefault(message.room, room)[name] = member
        self._members[name] = member
        if member.session is not None:
            self._sessions[member.session] = member
        peers = tuple(other.peer for other in others)
        reply = Joined(member=name, peers=peers, session=member.session)
        effects = self._post_all(others, PeerJoined(member=name, name=message.name))
        return Admitted(member.seat, reply), effects

    def _full(self, room: dict[str, _Member]) -> Error | None:
        if len(room) >= self.limits.members_per_room:
            reason = f"a room has at most {self.limits.members_per_room} members"
            return Error(code=ErrorCode.ROOM_FULL, reason=reason)
        if len(self._members) >= self.limits.members:
            reason = f"this server has at most {self.limits.members} members"
            return Error(code=ErrorCode.SERVER_FULL, reason=reason)
        if not room and len(self._rooms) >= self.limits.rooms:
            reason = f"this server has at most {self.limits.rooms} rooms"
            return Error(code=ErrorCode.SERVER_FULL, reason=reason)
        return None

    def _resume(self, message: Resume) -> tuple[Admitted | Refused, Effects]:
        member = self._sessions.get(message.session)
        if member is None or not member.backlog.rewind(message.received):
            return Refused(_GONE), ()
        effects: Effects = ()
        if member.deadline is None:
            reason = "the session was resumed over another connection"
            effects = (End(member.seat, Error(code=ErrorCode.REPLACED, reason=reason)),)
        member.seat = Seat(member.peer.member, next(self._numbers))
        member.deadline = None
        member.acknowledged = member.received
        return Admitted(member.seat, Resumed(received=member.received)), effects

    def _handle(self, member: _Member, message: Message) -> Effects:
        match message:
            case Pong():
                return ()
            case Ack(received=received):
                if member.backlog.acknowledge(received):
                    return ()
                return self._fault(member, ErrorCode.UNEXPECTED, "an ack of what was not sent")
            case Join() | Resume() | Joined() | Resumed() | Ping():
                return self._unexpected(member, message)
            case PeerJoined() | PeerLeft():
                member.received += 1
                return self._unexpected(member, message)
            case Description() | Candidate() | Bye() | Error():
                member.received += 1
                return (*self._relay(member, message), Wake(member.seat))
            case _:
                assert_never(message)

    def _unexpected(self, member: _Member, message: Message) -> Effects:
        kind = message.__struct_config__.tag
        reason = f"a member does not send {kind!r} here"
        return (*self._fault(member, ErrorCode.UNEXPECTED, reason), Wake(member.seat))

    def _relay(self, sender: _Member, message: Relayed) -> Effects:
        room = self._rooms[sender.room]
        if message.to is None:
            targets = tuple(member for member in room.values() if member is not sender)
        else:
            target = room.get(message.to)
            targets = () if target is None or target is sender else (target,)
        if not targets:
            reason = "nobody else is here" if message.to is None else f"no peer {message.to!r} here"
            return self._post(sender, Error(code=ErrorCode.NO_SUCH_PEER, reason=reason))
        sent = msgspec.structs.replace(message, to=None, sender=sender.peer.member)
        return self._post_all(targets, sent)

    def _fault(self, member: _Member, code: ErrorCode, reason: str) -> Effects:
        member.faults += 1
        if member.faults >= self.limits.faults:
            return self._end(member, code, reason)
        return self._post(member, Error(code=code, reason=reason))

    def _post_all(self, members: tuple[_Member, ...], message: Message) -> Effects:
        effects: list[Effect] = []
        for member in members:
            effects += self._post(member, message)
        return tuple(effects)

    def _post(self, member: _Member, message: Message) -> Effects:
        # Removed by an earlier message of the same event: a too slow member tells the others.
        if self._members.get(member.peer.member) is not member:
            return ()
        if member.backlog.append(encode(message)):
            return (Wake(member.seat),) if member.deadline is None else ()
        return self._end(member, ErrorCode.TOO_SLOW, "more messages wait than are kept")

    def _end(self, member: _Member, code: ErrorCode, reason: str) -> Effects:
        connected = member.deadline is None
        effects = self._remove(member, f"disconnected: {code}")
        return (
            (End(member.seat, Error(code=code, reason=reason)), *effects) if connected else effects
        )

    def _remove(self, member: _Member, reason: str) -> Effects:
        room = self._rooms[member.room]
        del room[member.peer.member]
        del self._members[member.peer.member]
        if member.session is not None:
            del self._sessions[member.session]
        if not room:
            del self._rooms[member.room]
        left = PeerLeft(member=member.peer.member, reason=reason)
        return self._post_all(tuple(room.values()), left)

    def _at(self, seat: Seat) -> _Member | None:
        member = self._members.get(seat.member)
        if member is None or member.seat != seat or member.deadline is not None:
            return None
        return member
