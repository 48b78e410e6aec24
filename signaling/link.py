"""Client side of one membership in a room, kept over reconnections and ends of its sessions."""

from __future__ import annotations

import asyncio
import copy
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, TypeAlias

from websockets.exceptions import ConnectionClosed, WebSocketException

from signaling.backlog import Backlog
from signaling.errors import (
    ChannelClosed,
    ChannelLost,
    ConnectError,
    ErrorCode,
    JoinError,
    MessageError,
)
from signaling.messages import (
    MAX_MESSAGE_SIZE,
    Ack,
    Error,
    Join,
    Joined,
    Message,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    Relayed,
    Resume,
    Resumed,
    check_size,
    decode,
    encode,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from signaling.backoff import Reconnect
    from signaling.ice_servers import IceServerEntry

_logger = logging.getLogger(__name__)

#: Most unacknowledged messages, and their characters, before `send` waits (ours).
_BACKLOG_MESSAGES: Final = 256
_BACKLOG_SIZE: Final = 2 * MAX_MESSAGE_SIZE
#: Seconds to send the remaining messages before the room is left (ours).
_FLUSH_TIMEOUT: Final = 1.0
#: Seconds until the server has to answer a join (ours).
_JOIN_TIMEOUT: Final = 10.0
#: Bytes of a frame from the server: it adds `from` to a message of the full size.
RECEIVE_LIMIT: Final = MAX_MESSAGE_SIZE + 1024
#: Close codes with which the server says that the session is over.
_REFUSALS: Final = frozenset({1008, 1013})
#: Ends of a session after which the room may be joined again.
_REJOINED: Final = frozenset({ErrorCode.UNKNOWN_SESSION, ErrorCode.IDLE, ErrorCode.TOO_SLOW})
#: Refusals of a join that pass.
_FULL: Final = frozenset({ErrorCode.ROOM_FULL, ErrorCode.SERVER_FULL})
#: Seconds that a session lasts at least for its end not to count as a refusal to stay (ours).
_STEADY: Final = 10.0

#: A token, or a function that gives the present one, for example from a file.
Token: TypeAlias = str | Callable[[], str] | None

Event: TypeAlias = Relayed | PeerJoined | PeerLeft


class LinkOwner(Protocol):
    """The part of a room that its Link tells what happens."""

    @property
    @abstractmethod
    def joins_again(self) -> bool:
        """True where the room is to be joined again after the end of a session."""

    @abstractmethod
    def on_message(self, message: Event) -> None:
        """Take a message of another member or about it, in order."""

    @abstractmethod
    def on_away(self, reason: str) -> None:
        """Note that there is no connection to the server for now."""

    @abstractmethod
    def on_session_over(self, end: ChannelLost) -> None:
        """Note that no message of this session comes any more; a new one is being asked for."""

    @abstractmethod
    def on_back(self, joined: Joined | None) -> None:
        """Note that the server is there again: in a new session, or in the former one if None."""

    @abstractmethod
    def on_end(self, end: ChannelClosed) -> None:
        """Note that the membership is over; called once."""


class _SessionOver(Exception):  # noqa: N818 - not an error: the room is joined again
    """The server has ended the session, or knows it no more."""


class Link:
    """Sends and receives numbered messages, and returns when a WebSocket breaks.

    It resumes its session, where nothing is lost. Where the session is over it joins again, if its
    owner wants that: then messages that were not acknowledged are given up, and the owner is told.

    Args:
        dial: Opens a WebSocket to the server.
        reconnect: Reconnection policy; None never reconnects.
        owner: Told of everything that happens.
        identity_secret: As in `Join`.

    Attributes:
        ice_servers: STUN and TURN servers that the server named last.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[ClientConnection]],
        *,
        reconnect: Reconnect | None,
        owner: LinkOwner,
        identity_secret: str | None = None,
    ) -> None:
        self._dial = dial
        self._reconnect = reconnect
        self._owner = owner
        self._identity_secret = identity_secret
        self.ice_servers: tuple[IceServerEntry, ...] = ()
        self._room = self._name = ""
        self._token: Token = None
        self._session: str | None = None
        self._sessions = 0
        self._backlog = Backlog(messages=_BACKLOG_MESSAGES, size=_BACKLOG_SIZE)
        self._received = 0
        self._acknowledged = 0
        self._pong_due = False
        self._closing = False
        self._connected = False
        self._ended: ChannelClosed | None = None
        self._refusal: Error | None = None
        self._refusal_delays: Iterator[float] | None = None
        self._awake = asyncio.Event()
        self._room_to_send = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "connected" if self._connected else "disconnected"
        if self._ended is not None:
            state = "ended"
        # The session's secret is left out: it lets anybody resume the membership.
        return f"<Link {state} received={self._received} waiting={self._backlog.waiting}>"

    async def open(self, *, room: str, name: str, token: Token = None) -> Joined:
        """Join the room, without a second attempt: a wrong URL shows at once.

        Args:
            room: The room's name.
            name: Our name.
            token: As for `signaling.join`.

        Raises:
            ConnectError: The server cannot be reached, or does not speak our protocol.
            JoinError: The server refuses.
        """
        self._room, self._name, self._token = room, name, token
        try:
            async with asyncio.timeout(_JOIN_TIMEOUT):
                socket, reply = await self._greet(self._join())
        except (OSError, TimeoutError, WebSocketException, MessageError) as error:
            raise ConnectError(f"the signalling server cannot be used: {_say(error)}") from error
        match reply:
            case Joined():
                self._begin(reply)
                # From here on, so that a close before the task has begun ends the WebSocket too.
                self._connected = True
                self._task = asyncio.create_task(self._run(socket))
                return reply
            case _:
                await socket.close()
                if isinstance(reply, Error):
                    raise JoinError(reply.code, reply.reason)
                raise ConnectError("the server answered a join with something else")

    async def send(self, message: Relayed) -> None:
        """Send a message, at once or after reconnecting; waits while the backlog is full.

        Raises:
            ChannelClosed: The membership is over, or its session while this waited.
            MessageError: The server would refuse the message as too large.
        """
        text = encode(message)
        check_size(text)
        session = self._sessions
        while True:
            if self._sessions != session:
                raise ChannelLost("the session ended before this message could be sent")
            if self._ended is not None or self._closing:
                raise _again(self._ended or ChannelClosed("this end left the room"))
            if self._backlog.append(text):
                self._awake.set()
                return
            self._room_to_send.clear()
            await self._room_to_send.wait()

    async def close(self) -> None:
        """Leave the room after the messages sent before; they need a connection."""
        self._closing = True
        self._awake.set()
        self._room_to_send.set()
        if self._task is None:
            return
        if self._connected:
            await asyncio.wait((self._task,), timeout=_FLUSH_TIMEOUT)
        self._finish(ChannelClosed("this end left the room"))
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self, socket: ClientConnection) -> None:
        end: ChannelClosed = ChannelLost("the connection to the signalling server was given up")
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                await self._serve(socket)
                if self._closing:
                    end = ChannelClosed("this end left the room")
                    return
                socket = await self._return(socket, steady=loop.time() - began >= _STEADY)
        except ChannelClosed as lost:
            end = lost
        finally:
            self._finish(end)

    def _finish(self, end: ChannelClosed) -> None:
        if self._ended is None:
            self._ended = end
            self._room_to_send.set()
            self._owner.on_end(end)

    async def _serve(self, socket: ClientConnection) -> None:
        self._connected = True
        self._awake.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(socket))
                group.create_task(self._write(socket))
        except* ConnectionClosed:
            pass
        finally:
            self._connected = False
            await socket.close()

    async def _read(self, socket: ClientConnection) -> NoReturn:
        while True:
            self._receive(await socket.recv())

    def _receive(self, frame: str | bytes) -> None:
        try:
            message = decode(frame, limit=RECEIVE_LIMIT)
        except MessageError as error:
            self._received += 1
            _logger.warning("the signalling server sent what is no message: %s", error)
            return
        match message:
            case Ping():
                self._pong_due = True
            case Ack(received=received):
                self._backlog.acknowledge(received)
                self._room_to_send.set()
            case Join() | Joined() | Resume() | Resumed() | Pong():
                _logger.warning("the signalling server sent a message out of place: %r", message)
            case _:
                self._received += 1
                self._take(message)
        self._awake.set()

    def _take(self, message: Event) -> None:
        if isinstance(message, Error) and message.sender is None:
            self._refusal = message
            _logger.warning("the signalling server: %s: %s", message.code, message.reason)
            return
        if isinstance(message, PeerJoined):
            self.ice_servers = message.iceServers
        self._owner.on_message(message)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            self._awake.clear()
            while (text := self._backlog.take()) is not None:
                await socket.send(text)
                if self._session is None:
                    self._backlog.acknowledge_taken()
                    self._room_to_send.set()
            if self._session is not None and self._acknowledged < self._received:
                self._acknowledged = self._received
                await socket.send(encode(Ack(received=self._received)))
            if self._pong_due:
                self._pong_due = False
                await socket.send(encode(Pong()))
            if self._closing:
                await socket.close()
                return
            await self._awake.wait()

    async def _return(self, broken: ClientConnection, *, steady: bool) -> ClientConnection:
        """Resume the session or join again, as long as the policy says."""
        problem = f"the connection to the signalling server broke (close code {broken.close_code})"
        refusal = self._refusal_of(broken)
        if self._reconnect is None or self._session is None:
            raise ChannelLost(refusal or problem, code=_code(refusal and broken.close_reason))
        delays = self._reconnect.delays()
        if refusal is not None:
            self._check_rejoin(broken.close_reason or "", reason=refusal)
            # A server that ends each session at once is not asked without a pause.
            if steady or self._refusal_delays is None:
                self._refusal_delays = delays
            delays, problem = self._refusal_delays, refusal
        self._owner.on_away(problem)
        if refusal is not None:
            self._give_session_up(refusal)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._reconnect.timeout
        for delay in delays:
            if loop.time() >= end:
                break
            await asyncio.sleep(min(delay, end - loop.time()))
            try:
                async with asyncio.timeout(self._reconnect.attempt_timeout):
                    socket, reply = await self._greet(self._first())
            except (OSError, TimeoutError, WebSocketException, MessageError) as error:
                problem = _say(error)
                continue
            try:
                self._take_reply(reply)
            except _SessionOver as over:
                problem = str(over)
                await socket.close()
            except BaseException:
                await socket.close()
                raise
            else:
                return socket
        seconds = f"{self._reconnect.timeout:g} s"
        raise ChannelLost(f"the signalling server did not return within {seconds}: {problem}")

    def _take_reply(self, reply: Message) -> None:
        """Go on in the session that the server names.

        Raises:
            _SessionOver: There is none yet: ask again, for a new one.
            ChannelLost: There will be none.
        """
        match reply:
            case Joined() if self._session is None:
                self._begin(reply)
                self._owner.on_back(reply)
            case Resumed() if self._session is not None and self._backlog.rewind(reply.received):
                self._acknowledged = self._received
                self.ice_servers = reply.iceServers
                self._room_to_send.set()
                self._owner.on_back(None)
            case Error() if self._session is None and reply.code in _FULL:
                raise _SessionOver(reply.reason)
            case Error():
                reason = f"the session cannot be resumed: {reply.reason}"
                self._check_rejoin(reply.code, reason=reason)
                self._give_session_up(reason)
                raise _SessionOver(reason)
            case _:
                reason = "the session cannot be resumed: messages are missing"
                self._check_rejoin(ErrorCode.UNKNOWN_SESSION, reason=reason)
                self._give_session_up(reason)
                raise _SessionOver(reason)

    def _refusal_of(self, socket: ClientConnection) -> str | None:
        if socket.close_code not in _REFUSALS:
            return None
        reason = socket.close_reason or ""
        if self._refusal is not None and self._refusal.code == reason:
            reason = f"{reason}: {self._refusal.reason}"
        return f"the signalling server disconnected this member: {reason}"

    def _check_rejoin(self, code: str, *, reason: str) -> None:
        # A token that has run out is given anew by its function.
        renewed = code == ErrorCode.UNAUTHORIZED and self._session and callable(self._token)
        if not (self._owner.joins_again and (code in _REJOINED or renewed)):
            raise ChannelLost(reason, code=_code(code))

    def _give_session_up(self, reason: str) -> None:
        if self._session is None:
            return
        self._session = None
        self._sessions += 1
        self._backlog = Backlog(messages=_BACKLOG_MESSAGES, size=_BACKLOG_SIZE)
        self._received = self._acknowledged = 0
        self._refusal = None
        self._pong_due = False
        self._room_to_send.set()
        self._owner.on_session_over(ChannelLost(reason))

    def _begin(self, joined: Joined) -> None:
        self._session = joined.session
        self.ice_servers = joined.iceServers

    def _first(self) -> Join | Resume:
        if self._session is None:
            return self._join()
        return Resume(session=self._session, received=self._received, token=_value(self._token))

    def _join(self) -> Join:
        return Join(
            room=self._room,
            name=self._name,
            resumable=self._reconnect is not None,
            token=_value(self._token),
            identity_secret=self._identity_secret,
        )

    async def _greet(self, first: Join | Resume) -> tuple[ClientConnection, Message]:
        socket = await self._dial()
        try:
            await socket.send(encode(first))
            return socket, decode(await socket.recv(), limit=RECEIVE_LIMIT)
        except BaseException:
            await socket.close()
            raise


def _value(token: Token) -> str | None:
    return token() if callable(token) else token


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__


def _again(end: ChannelClosed) -> ChannelClosed:
    # One exception raised twice would collect the tracebacks of both.
    return copy.copy(end)


def _code(text: str | None) -> ErrorCode | None:
    try:
        return ErrorCode(text or "")
    except ValueError:
        return None
