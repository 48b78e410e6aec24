"""Client side of one membership in a room, kept over reconnections of its WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from websockets.exceptions import ConnectionClosed, WebSocketException

from signaling.backlog import Backlog
from signaling.errors import ChannelClosed, ChannelLost, ConnectError, JoinError, MessageError
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
#: Close codes with which the server says that the membership is over.
_REFUSALS: Final = frozenset({1008, 1013})

#: A token, or a function that gives the present one, for example from a file.
Token: TypeAlias = str | Callable[[], str] | None

Event: TypeAlias = Relayed | PeerJoined | PeerLeft


class Link:
    """Sends and receives numbered messages, and resumes its session when a WebSocket breaks.

    Args:
        dial: Opens a WebSocket to the server.
        reconnect: Reconnection policy; None never reconnects.
        on_message: Takes each message that arrives, in order.
        on_end: Called once, when the membership is over.

    Attributes:
        ice_servers: STUN and TURN servers that the server named last.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[ClientConnection]],
        *,
        reconnect: Reconnect | None,
        on_message: Callable[[Event], None],
        on_end: Callable[[ChannelClosed], None],
    ) -> None:
        self._dial = dial
        self._reconnect = reconnect
        self._on_message = on_message
        self._on_end = on_end
        self.ice_servers: tuple[IceServerEntry, ...] = ()
        self._token: Token = None
        self._session: str | None = None
        self._backlog = Backlog(messages=_BACKLOG_MESSAGES, size=_BACKLOG_SIZE)
        self._received = 0
        self._acknowledged = 0
        self._pong_due = False
        self._closing = False
        self._connected = False
        self._ended: ChannelClosed | None = None
        self._refusal: Error | None = None
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
        self._token = token
        join = Join(
            room=room, name=name, resumable=self._reconnect is not None, token=_value(token)
        )
        try:
            async with asyncio.timeout(_JOIN_TIMEOUT):
                socket, reply = await self._greet(join)
        except (OSError, TimeoutError, WebSocketException, MessageError) as error:
            raise ConnectError(f"the signalling server cannot be used: {_say(error)}") from error
        match reply:
            case Joined():
                self._session = reply.session
                self.ice_servers = reply.iceServers
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
            ChannelClosed: The membership is over.
            MessageError: The server would refuse the message as too large.
        """
        text = encode(message)
        check_size(text)
        while True:
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
        try:
            while True:
                await self._serve(socket)
                if self._closing:
                    end = ChannelClosed("this end left the room")
                    return
                self._raise_if_refused(socket)
                socket = await self._return_to_session(socket)
        except ChannelClosed as lost:
            end = lost
        finally:
            self._finish(end)

    def _finish(self, end: ChannelClosed) -> None:
        if self._ended is None:
            self._ended = end
            self._room_to_send.set()
            self._on_end(end)

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
        self._on_message(message)

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

    def _raise_if_refused(self, socket: ClientConnection) -> None:
        if socket.close_code in _REFUSALS:
            reason = socket.close_reason or ""
            if self._refusal is not None and self._refusal.code == reason:
                reason = f"{reason}: {self._refusal.reason}"
            raise ChannelLost(f"the signalling server disconnected this member: {reason}")

    async def _return_to_session(self, broken: ClientConnection) -> ClientConnection:
        problem = f"the connection to the signalling server broke (close code {broken.close_code})"
        if self._reconnect is None or self._session is None:
            raise ChannelLost(problem)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._reconnect.timeout
        for delay in self._reconnect.delays():
            if loop.time() >= end:
                break
            await asyncio.sleep(min(delay, end - loop.time()))
            try:
                async with asyncio.timeout(self._reconnect.attempt_timeout):
                    resume = Resume(
                        session=self._session, received=self._received, token=_value(self._token)
                    )
                    socket, reply = await self._greet(resume)
            except (OSError, TimeoutError, WebSocketException, MessageError) as error:
                problem = _say(error)
                continue
            match reply:
                case Resumed() if self._backlog.rewind(reply.received):
                    self._acknowledged = self._received
                    self.ice_servers = reply.iceServers
                    self._room_to_send.set()
                    return socket
                case _:
                    await socket.close()
                    reason = reply.reason if isinstance(reply, Error) else "messages are missing"
                    raise ChannelLost(f"the session cannot be resumed: {reason}")
        seconds = f"{self._reconnect.timeout:g} s"
        raise ChannelLost(f"the signalling server did not return within {seconds}: {problem}")

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
    return type(end)(end.reason)
