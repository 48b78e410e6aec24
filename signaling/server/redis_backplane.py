"""Backplane that shares rooms between servers by Redis: presence, mailboxes and sessions."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import secrets
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import msgspec

from signaling.errors import ErrorCode
from signaling.messages import (
    Ack,
    Error,
    Join,
    Joined,
    Peer,
    PeerJoined,
    Pong,
    Relayed,
    Resume,
    Resumed,
    decode,
    encode,
    identity_of,
    octets_of,
)
from signaling.server.backplane import Backplane
from signaling.server.frames import Fault, read_later, wrong_ack
from signaling.server.limits import Limits
from signaling.server.redis_link import (
    RedisLink,
    UnavailableError,
    check_redis_library,
    check_redis_url,
    tell_defect,
)
from signaling.server.refusals import (
    RESUMED_ELSEWHERE,
    RIGHT_RAN_OUT,
    members_full,
    no_such_peer,
    room_full,
    rooms_full,
)
from signaling.server.rooms import (
    MAY_RETURN,
    Admitted,
    Charge,
    ConnectionId,
    Disconnect,
    Effect,
    Refused,
    Seat,
    Wake,
)
from signaling.server.statistics import Load

if TYPE_CHECKING:
    from types import TracebackType

    from signaling.ice_servers import IceServerEntry

_logger = logging.getLogger(__name__)

#: Seconds for which a join or a return waits (ours): less than a client does, so that no seat is
#: taken for a WebSocket that its client has given up.
_LONGEST_FIRST_WAIT: Final = 3.0
#: Seconds for the last words at `close` (ours).
_CLOSE_TIMEOUT: Final = 2.0
#: Looks at the clock in one lease (ours).
_LOOKS: Final = 5
#: Longest step of the clock, in looks (ours): one may be late.
_STEP: Final = 1.5
#: Members that one operation renews (ours), so that it never holds Redis for long.
_RENEWED: Final = 128
#: Frames that one look into a mailbox gives (ours).
_FETCHED: Final = 32
#: Part of the bounds of a mailbox that may be frames which its member has had (ours), as to forget
#: them at once takes as long as to send them.
_UNFORGOTTEN: Final = 1 / 4
#: Most ends that are kept in case their joins are answered yet (ours).
_EARLY_ENDS: Final = 64
#: Seconds for the word why a member is gone, where an answer without it came first (ours).
_HEARSAY: Final = 0.5
#: Ends of connections that wait to be told to Redis (ours); leases tell those beyond.
_FAREWELLS: Final = 4096
#: How the one message begins that is told with ICE servers.
_PEER_JOINED: Final = '{"type":"peer-joined"'

_ENDS: Final = {
    "gone": Error(code=ErrorCode.UNKNOWN_SESSION, reason="the session is over"),
    "replaced": RESUMED_ELSEWHERE,
    "lost": Error(
        code=ErrorCode.UNKNOWN_SESSION, reason="the server has lost messages of the session"
    ),
}
_AWAY: Final = "this server cannot reach the others at present"
_UNAVAILABLE: Final = Refused(Error(code=ErrorCode.UNAVAILABLE, reason=_AWAY))


@dataclass(slots=True)
class _Seated:
    """One connection of this server, and what it has had of its mailbox."""

    connection_id: ConnectionId
    token: str
    room: str
    resumable: bool
    #: Frames from it that are kept, and the number of them that it was told.
    received: int = 0
    acknowledged: int = 0
    #: Number of the last frame that was sent to it, and of the last that was fetched before.
    taken: int = 0
    forgotten: int = 0
    #: Octets of the frames between these two.
    unforgotten: int = 0
    ready: deque[str] = field(default_factory=deque)
    #: Whether there may be more in its mailbox.
    due: bool = True
    expiry: asyncio.TimerHandle | None = None


class RedisBackplane(Backplane):
    """Shares rooms with all servers that use the same database of one Redis.

    Each message, session and place is kept there, so that a member returns to whichever server is
    left. docs/SIGNALING.md, "More servers than one", says what that asks of Redis. Use it as an
    async context manager around the server, or leave it open until the event loop ends.

    Args:
        url: `rediss://user@host:6379/0`; `redis://` and `unix://` on this machine.
        password: For Redis, where it is not part of the URL; `repr` shows neither.
        lease: Seconds after which a server that is not heard of has lost its connections.
        patience: Seconds for which a member's message waits for Redis before the member is told;
            until then nothing else of it is read.

    Raises:
        ValueError: It is not a URL of Redis, or a time is not more than 0.
        InsecureUrlError: It leads beyond this machine without TLS.
        ImportError: redis-py is missing (`pip install handfast[redis]`).
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        lease: float = 10.0,
        patience: float = 20.0,
    ) -> None:
        check_redis_library()
        check_redis_url(url)
        if not (lease > 0 and patience > 0):
            raise ValueError("lease and patience are more than 0 seconds")
        self._url = url
        self._password = password
        self._lease = lease
        self._patience = patience
        self._first_patience = min(patience, _LONGEST_FIRST_WAIT)
        self._server = secrets.token_hex(8)
        self._opened: RedisLink | None = None
        self._numbers = itertools.count()
        self._seated: dict[ConnectionId, _Seated] = {}
        self._by_token: dict[str, _Seated] = {}
        self._rooms: Counter[str] = Counter()
        #: Ends of connections that are not here: gone, or their joins are not answered yet.
        self._early_ends: deque[tuple[str, str]] = deque(maxlen=_EARLY_ENDS)
        self._farewells: deque[tuple[str | float, ...]] = deque(maxlen=_FAREWELLS)
        self._farewell = asyncio.Event()
        self._all_said = asyncio.Event()
        self._saying: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RedisBackplane members={len(self._seated)} {self._opened!r}>"

    @property
    def ready(self) -> bool:
        return self._opened is not None and self._opened.up

    @property
    def _limits(self) -> Limits:
        return Limits() if self._binding is None else self._binding.limits

    def _ice_servers(self, member: str) -> tuple[IceServerEntry, ...]:
        return self._bound.ice_servers(member)

    def _apply(self, *effects: Effect) -> None:
        self._bound.on_effects(effects)

    def _open(self) -> RedisLink:
        # At the first use, as a mounted app has no lifespan; tasks need a running event loop.
        if self._opened is None:
            self._opened = RedisLink(
                self._url,
                password=self._password,
                server=self._server,
                every=self._lease / _LOOKS,
                look=self._look,
                on_lines=self._hear,
                on_gap=self._wake_all,
            )
            self._opened.open()
            self._saying = asyncio.create_task(self._say_farewells(), name="redis farewells")
            self._saying.add_done_callback(tell_defect)
        return self._opened

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, saying = self._opened, self._saying
        if opened is None or saying is None:
            return
        for seated in tuple(self._seated.values()):
            self.disconnect(seated.connection_id, left=False)
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._all_said.wait()
        except TimeoutError:
            _logger.warning("members of this server are gone for others when its lease ends")
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        await opened.close()
        self._opened = None

    def _arguments(self, operation: str, *arguments: str | float) -> tuple[str | float, ...]:
        limits = self._limits
        step = self._lease / _LOOKS * _STEP
        return (operation, limits.backlog_messages, limits.backlog_size, step, *arguments)

    async def _insist(self, operation: str, *arguments: str | float, patience: float) -> list[str]:
        return await self._open().insist(*self._arguments(operation, *arguments), patience=patience)

    def load(self) -> Load:
        """Count the connections of this server; places that are kept are of no server."""
        return Load(
            rooms=len(self._rooms),
            connected=len(self._seated),
            away=None,
            backlog=sum(len(seated.ready) for seated in self._seated.values()),
        )

    # Joins and returns.

    async def seat(self, message: Join | Resume) -> Seat | Refused:
        if isinstance(message, Join):
            return Seat(room=message.room, name=message.name)
        try:
            reply = await self._insist(
                "seat", _hash(message.session), patience=self._first_patience
            )
        except UnavailableError:
            return _UNAVAILABLE
        if reply[0] != "ok":
            return Refused(_ENDS["gone"])
        _, room, peer, _ = reply
        return Seat(room=room, name=msgspec.json.decode(peer, type=Peer).name)

    async def admit(
        self, message: Join | Resume, *, name: str | None = None, ends_at: float | None = None
    ) -> Admitted | Refused:
        try:
            if isinstance(message, Join):
                admitted = await self._join(message, message.name if name is None else name)
            else:
                admitted = await self._resume(message)
        except UnavailableError:
            return _UNAVAILABLE
        if isinstance(admitted, Admitted) and ends_at is not None:
            seated = self._seated[admitted.connection_id]
            end = RIGHT_RAN_OUT
            seated.expiry = asyncio.get_running_loop().call_at(
                ends_at, self.expel, seated.connection_id, end.code, end.reason
            )
        return admitted

    async def _join(self, message: Join, shown: str) -> Admitted | Refused:
        limits = self._limits
        if message.room not in self._rooms and len(self._rooms) >= limits.rooms:
            return Refused(rooms_full(limits))
        secret = message.identity_secret
        identity = None if secret is None else identity_of(secret)
        session = secrets.token_urlsafe() if message.resumable else None
        token = self._new_token()
        while True:
            peer = Peer(member=secrets.token_hex(4), name=shown, identity=identity)
            announced = PeerJoined(member=peer.member, name=peer.name, identity=peer.identity)
            reply = await self._insist(
                "join",
                message.room,
                peer.member,
                token,
                self._server,
                "" if session is None else _hash(session),
                identity or "",
                msgspec.json.encode(peer).decode(),
                encode(announced),
                limits.members_per_room,
                limits.members,
                self._lease,
                patience=self._first_patience,
            )
            if reply[0] != "taken":
                break
        match reply[0]:
            case "room-full":
                return Refused(room_full(limits))
            case "server-full":
                return Refused(members_full(limits))
        seated = self._sit(
            member=peer.member, token=token, room=message.room, resumable=session is not None
        )
        joined = Joined(
            member=peer.member,
            peers=tuple(msgspec.json.decode(text, type=Peer) for text in reply[1:]),
            session=session,
            iceServers=self._ice_servers(peer.member),
        )
        return Admitted(seated.connection_id, joined)

    async def _resume(self, message: Resume) -> Admitted | Refused:
        session = _hash(message.session)
        found = await self._insist("seat", session, patience=self._first_patience)
        if found[0] != "ok":
            return Refused(_ENDS["gone"])
        token = self._new_token()
        reply = await self._insist(
            "resume",
            session,
            message.received,
            token,
            self._server,
            found[3],
            self._lease + self._limits.session_lifetime,
            patience=self._first_patience,
        )
        if reply[0] == "again":
            return _UNAVAILABLE
        if reply[0] != "ok":
            return Refused(_ENDS["gone"])
        _, member, room, received = reply
        seated = self._sit(member=member, token=token, room=room, resumable=True)
        seated.received = seated.acknowledged = int(received)
        seated.taken = message.received
        resumed = Resumed(received=seated.received, iceServers=self._ice_servers(member))
        return Admitted(seated.connection_id, resumed)

    def _new_token(self) -> str:
        return f"{self._server}.{next(self._numbers)}"

    def _sit(self, *, member: str, token: str, room: str, resumable: bool) -> _Seated:
        number = int(token.rpartition(".")[2])
        seated = _Seated(ConnectionId(member, number), token, room, resumable)
        self._seated[seated.connection_id] = self._by_token[token] = seated
        self._rooms[room] += 1
        if (line := dict(self._early_ends).get(token)) is not None:
            # Once the server has noted that it is there.
            asyncio.get_running_loop().call_soon(self._hear, [line])
        return seated

    def _rise(self, seated: _Seated) -> bool:
        """Forget a connection, or return False where that was done before."""
        if self._seated.pop(seated.connection_id, None) is None:
            return False
        del self._by_token[seated.token]
        self._rooms[seated.room] -= 1
        if not self._rooms[seated.room]:
            del self._rooms[seated.room]
        if seated.expiry is not None:
            seated.expiry.cancel()
        return True

    # Frames.

    async def receive(self, connection_id: ConnectionId, frame: str | bytes) -> None:
        seated = self._seated.get(connection_id)
        if seated is None:
            return
        message = read_later(frame, self._limits)
        try:
            match message:
                case Pong():
                    return
                case Ack(received=received):
                    reply = await self._ask(seated, "acknowledge", received)
                    if reply[0] == "wrong":
                        await self._fault(seated, wrong_ack())
                case Fault():
                    await self._fault(seated, message)
                case _:
                    await self._relay(seated, message)
        except UnavailableError:
            # Its session is kept: what it has not been told that we have, it sends again.
            self._apply(Disconnect(connection_id, _UNAVAILABLE.error))

    async def _relay(self, seated: _Seated, message: Relayed) -> None:
        number = seated.received + 1
        member = seated.connection_id.member
        sent = msgspec.structs.replace(message, to=None, sender=member)
        to = message.to
        # A name of nobody, as the empty one stands for everybody.
        receiver = "" if to is None else to or "nobody"
        text = encode(sent)
        reply = await self._ask(seated, "relay", number, receiver, text, encode(no_such_peer(to)))
        if reply[0] == "ok" and reply[1] != "0":
            self._apply(Charge(seated.connection_id, octets_of(text) * int(reply[1])))
        self._count(seated, number)

    async def _fault(self, seated: _Seated, fault: Fault) -> None:
        number = seated.received + 1 if fault.counted else ""
        error = fault.error
        reply = await self._ask(
            seated, "fault", number, error.code.value, encode(error), self._limits.faults
        )
        if reply[0] == "ended":
            self._end(seated, error)
        elif fault.counted:
            self._count(seated, seated.received + 1)

    async def _ask(self, seated: _Seated, operation: str, *arguments: str | float) -> list[str]:
        member = seated.connection_id.member
        reply = await self._insist(
            operation, member, seated.token, *arguments, patience=self._patience
        )
        await self._end_unless_present(seated, reply[0])
        return reply

    def _count(self, seated: _Seated, number: int) -> None:
        seated.received = number
        self._apply(Wake(seated.connection_id))

    async def _end_unless_present(self, seated: _Seated, outcome: str) -> None:
        end = _ENDS.get(outcome)
        if end is None:
            return
        if outcome == "gone":
            # Redis has told why, over its other connection: who is replaced is not to return.
            await asyncio.sleep(_HEARSAY)
        if outcome == "lost":
            self._part("expel", seated, end.code.value, 1)
        self._end(seated, end)

    def _end(self, seated: _Seated, error: Error) -> None:
        if self._rise(seated):
            self._apply(Disconnect(seated.connection_id, error))

    def take(self, connection_id: ConnectionId) -> str | None:
        seated = self._seated.get(connection_id)
        if seated is None:
            return None
        if seated.ready:
            seated.taken += 1
            frame = seated.ready.popleft()
            seated.unforgotten += octets_of(frame)
            return self._with_ice_servers(frame, member=connection_id.member)
        if seated.resumable and seated.acknowledged < seated.received:
            seated.acknowledged = seated.received
            return encode(Ack(received=seated.received))
        return None

    def more(self, connection_id: ConnectionId) -> bool:
        seated = self._seated.get(connection_id)
        if seated is None or seated.ready:
            return False
        return seated.due or (not seated.resumable and self._owes_forgetting(seated))

    def _owes_forgetting(self, seated: _Seated) -> bool:
        """Tell whether so much was taken that it leaves too little of the mailbox."""
        limits = self._limits
        return (
            seated.taken - seated.forgotten > limits.backlog_messages * _UNFORGOTTEN
            or seated.unforgotten > limits.backlog_size * _UNFORGOTTEN
        )

    async def fetch(self, connection_id: ConnectionId) -> bool:
        seated = self._seated.get(connection_id)
        if seated is None:
            return False
        seated.due = False
        member, taken = seated.connection_id.member, seated.taken
        try:
            reply = await self._insist("fetch", member, seated.token, taken, _FETCHED, patience=0)
        except UnavailableError:
            # `_wake_all` comes when Redis is back.
            seated.due = True
            return False
        await self._end_unless_present(seated, reply[0])
        _, *frames = reply
        seated.forgotten, seated.unforgotten = taken, 0
        seated.ready.extend(frames)
        # Of fewer than it may be, no more are there: Redis tells of the next.
        seated.due = seated.due or len(frames) == _FETCHED
        return bool(frames)

    def _with_ice_servers(self, frame: str, *, member: str) -> str:
        if not frame.startswith(_PEER_JOINED):
            return frame
        message = decode(frame)
        assert isinstance(message, PeerJoined)
        return encode(msgspec.structs.replace(message, iceServers=self._ice_servers(member)))

    # Ends.

    def disconnect(self, connection_id: ConnectionId, *, left: bool) -> None:
        seated = self._seated.get(connection_id)
        if seated is not None and self._rise(seated):
            self._part("detach", seated, int(left), self._limits.session_lifetime)

    def expel(self, connection_id: ConnectionId, code: ErrorCode, reason: str) -> None:
        seated = self._seated.get(connection_id)
        if seated is not None:
            self._part("expel", seated, code.value, int(code in MAY_RETURN))
            self._end(seated, Error(code=code, reason=reason))

    def _part(self, operation: str, seated: _Seated, *arguments: str | float) -> None:
        member = seated.connection_id.member
        self._farewells.append((operation, member, seated.token, *arguments))
        self._all_said.clear()
        self._farewell.set()

    async def _say_farewells(self) -> None:
        while True:
            while self._farewells:
                operation, *arguments = self._farewells.popleft()
                # One that cannot be said is heard in the end of the lease.
                with suppress(UnavailableError):
                    await self._insist(str(operation), *arguments, patience=self._patience)
            self._all_said.set()
            self._farewell.clear()
            await self._farewell.wait()

    # What Redis tells.

    async def _look(self) -> None:
        assert self._opened is not None
        run, seated = self._opened.run, tuple(self._seated.values())
        for start in range(0, len(seated), _RENEWED):
            names = [
                part
                for each in seated[start : start + _RENEWED]
                for part in (each.connection_id.member, each.token)
            ]
            lifetime = self._limits.session_lifetime
            reply = await run(*self._arguments("renew", self._lease, lifetime, *names))
            for token in reply[1:]:
                lost = self._by_token.get(token)
                if lost is not None:
                    later = asyncio.get_running_loop().call_later
                    later(_HEARSAY, self._end, lost, _ENDS["gone"])
        await run(*self._arguments("look", self._server))

    def _hear(self, lines: list[str]) -> None:
        for line in lines:
            kind, _, rest = line.partition(" ")
            token, _, rest = rest.partition(" ")
            seated = self._by_token.get(token)
            if seated is None:
                if kind == "end":
                    self._early_ends.append((token, line))
                continue
            match kind:
                case "wake":
                    seated.due = True
                    self._apply(Wake(seated.connection_id))
                case "end":
                    code, _, reason = rest.partition(" ")
                    self._end(seated, Error(code=_code(code), reason=reason))
                case _:
                    _logger.warning("another server told this one what it does not know")

    def _wake_all(self) -> None:
        for seated in self._seated.values():
            seated.due = True
            self._apply(Wake(seated.connection_id))


def _hash(session: str) -> str:
    # The secret has 256 bits: nobody finds it by trying, and who reads Redis has no session.
    return hashlib.sha256(session.encode()).hexdigest()


def _code(text: str) -> ErrorCode:
    try:
        return ErrorCode(text)
    except ValueError:
        # Of a server of another version.
        return ErrorCode.UNKNOWN_SESSION
