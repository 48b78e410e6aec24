"""uvicorn's WebSocket protocol with `signaling.server.direct_frames`: no task for each message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from handfast.whole_frames import frame_size, read_whole_text
from signaling.server.direct_frames import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame
    from websockets.http11 import Request

_END_OF_REQUEST: Final = b"\r\n\r\n"
#: For a request that `websockets` does not take: a line of 8 KiB is its longest.
_REFUSAL: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)
#: Octets of a frame that tell what it is, and where its length stands (RFC 6455 section 5.2).
_LEAST_HEAD: Final = 2
#: Frames of one client that are heard before others have their turn (ours). One read of a socket
#: may bring 40,000 pings.
_MOST_FRAMES: Final = 64
#: Seconds that a client has to read what it was sent, once the app has ended (ours); more than
#: uvicorn waits for an answer to a close.
_LINGER: Final = 15.0


class DirectWebSocketProtocol(WebSocketsSansIOProtocol):
    """The WebSocket protocol of `handfast serve`; `uvicorn.run(app, ws=...)` takes it as well.

    It is uvicorn's own until an app asks for its frames, but for what a client may cost: what is
    not heard yet is kept as the octets that have arrived, a message of many parts is one buffer,
    and who does not read gets one pong for all its pings, and no socket for ever.
    """

    #: What takes the frames; None while they go the way of ASGI.
    taker: UvicornFrames | None = None
    #: Octets of a frame that `websockets` is still to be given; None before the request is there.
    _owed: int | None = None
    #: Octets of a frame whose length is not known that `websockets` was given.
    _given = 0
    #: What has arrived, and the offset of what is not heard yet.
    _arrived = b""
    _heard = 0
    #: Set while `_hear` runs, and while it is to go on in the loop's next turn.
    _hearing = False
    _turn: asyncio.Handle | None = None
    #: Time at which an app held the frames last.
    _held_at = float("-inf")
    #: A message of several parts, so far; the first may be in uvicorn's `frames`.
    _parts: bytearray
    #: The last pong that its client was not there to read.
    _pong = b""
    _abortion: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self._owed is None:
            head, end, data = data.partition(_END_OF_REQUEST)
            super().data_received(head + end)
            if self.conn.handshake_exc is not None:
                # uvicorn leaves it without an answer, and open.
                if not self.handshake_initiated:
                    self.transport.write(_REFUSAL)
                self.transport.close()
                return
            if not self.handshake_initiated:
                return
            self._owed = 0
        self._arrived = self._arrived[self._heard :] + data if self._arrived else data
        self._heard = 0
        self._hear()

    def go_on(self) -> None:
        """Hear what has arrived, and read again, unless the app holds the frames meanwhile."""
        self.read_paused = False
        self._hear()
        self._read_again()

    def hold(self) -> None:
        """Hear and read nothing until `go_on`."""
        self._held_at = self.loop.time()
        if not self.read_paused:
            self.read_paused = True
            self._read_nothing()

    def _read_nothing(self) -> None:
        # uvloop raises where the connection is lost.
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _read_again(self) -> None:
        if not (self.read_paused or self._turn is not None or self.transport.is_closing()):
            self.transport.resume_reading()

    def _hear(self) -> None:
        """Hear what has arrived, until nothing is left, it is held, or others have their turn."""
        if self._hearing or self._turn is not None:
            return
        self._hearing = True
        left = _MOST_FRAMES
        data, connection = self._arrived, self.conn
        try:
            while self._heard < len(data) and not self.read_paused:
                if connection.parser_exc is not None or connection.close_rcvd is not None:
                    # Nothing follows on either.
                    self._heard = len(data)
                elif not left:
                    self._turn = self.loop.call_soon(self._take_turn)
                    self._read_nothing()
                    break
                elif not self._hear_frame(data):
                    # The begin of a frame whose length is not known.
                    break
                left -= 1
        finally:
            self._hearing = False
        if self._heard == len(data):
            self._arrived, self._heard = b"", 0

    def _take_turn(self) -> None:
        self._turn = None
        self._hear()
        self._read_again()

    def _hear_frame(self, data: bytes) -> bool:
        """Hear the next frame, or what is there of it; returns False where that is too little."""
        at = self._heard
        if not self._owed:
            whole = None if self._given else self._read_whole_text(data, at)
            if whole is not None:
                text, self._heard = whole
                assert self.taker is not None
                self.taker.take(text)
                return True
            size = frame_size(data, at)
            if size is None:
                if not self._given and len(data) - at >= _LEAST_HEAD:
                    # It may break a rule already.
                    self._given = _LEAST_HEAD
                    super().data_received(data[at : at + _LEAST_HEAD])
                return False
            at, self._owed, self._given = at + self._given, size - self._given, 0
        part = data[at : at + self._owed]
        self._heard = at + len(part)
        self._owed -= len(part)
        super().data_received(part)
        return True

    def _read_whole_text(self, data: bytes, at: int) -> tuple[str, int] | None:
        """Read the usual frame, and the offset behind it; None where it is another."""
        connection = self.conn
        if self.taker is None or self.close_sent or connection.state is not State.OPEN:
            return None
        # Between the parts of a message it breaks a rule, and compression changes what it means.
        if connection.current_size is not None or connection.extensions:
            return None
        return read_whole_text(data, at, longest=self.config.ws_max_size)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # The app begins in a later turn. A request that was refused has no scope.
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = UvicornFrames(self)  # type: ignore[assignment] # a dict there

    def handle_text(self, event: Frame) -> None:
        super().handle_text(event)
        self._count_unless(event.fin)

    def handle_bytes(self, event: Frame) -> None:
        super().handle_bytes(event)
        self._count_unless(event.fin)

    def handle_cont(self, event: Frame) -> None:
        # A list of parts takes more memory than they do, and without end where they are empty.
        if self.frames:
            self._parts, self.frames = bytearray(self.frames[0]), []
        self._parts += event.data
        if event.fin:
            self.frames, self._parts = [bytes(self._parts)], bytearray()
            self.send_receive_event_to_app()
        self._count_unless(event.fin)

    def handle_ping(self) -> None:
        if self.transport.is_closing():
            # What was held is heard after the connection is lost.
            self.conn.data_to_send()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            # RFC 6455 section 5.5.3: that of the latest ping serves.
            self._pong = b"".join(self.conn.data_to_send())
        self._count_unless(False)

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self._count_unless(False)

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:
            # The WebSocket is not open yet, and its client did not wait for that.
            self.transport.close()
        elif not self.transport.is_closing():
            super().handle_parser_exception()

    def _count_unless(self, whole: bool) -> None:
        if not whole and self.taker is not None and not self.close_sent:
            self.taker.take(None)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pong and not (self.close_sent or self.transport.is_closing()):
            self.transport.write(self._pong)
        self._pong = b""

    def send_receive_event_to_app(self) -> None:
        frame: str | bytes = b"".join(self.frames)
        if self.curr_msg_data_type == "text" and not self.close_sent:
            assert isinstance(frame, bytes)
            try:
                frame = frame.decode()
            except UnicodeDecodeError:
                # RFC 6455 section 8.1: the connection fails; uvicorn tells the log of a defect.
                self.frames = []
                if self.conn.state is State.OPEN:
                    self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        if self.taker is None or self.close_sent:
            super().send_receive_event_to_app()
        else:
            self.frames = []
            self.taker.take(frame)

    async def receive(self) -> ASGIReceiveEvent:
        event = await super().receive()
        if self._arrived and not self.read_paused:
            self._hear()
        return event

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self._arrived and not self.read_paused:
            self._hear()

    def keepalive_timeout(self) -> None:
        if self._held_at < self.ping_sent_at:
            super().keepalive_timeout()
            return
        # Its pong stands behind what was not read.
        assert self.ping_timeout is not None
        self.ping_sent_at = self.loop.time()
        self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                # A transport that is closed waits for ever for a client that does not read.
                self._abortion = self.loop.call_later(_LINGER, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abortion is not None:
            self._abortion.cancel()
        super().connection_lost(exc)


class UvicornFrames:
    """The frames of one WebSocket of uvicorn: a `DirectFrames`.

    Args:
        protocol: Its protocol.
    """

    __slots__ = ("_on_frame", "_protocol")

    def __init__(self, protocol: DirectWebSocketProtocol) -> None:
        self._protocol = protocol
        self._on_frame: Callable[[str | bytes | None], None] | None = None

    @property
    def writable(self) -> bool:
        protocol = self._protocol
        closed = protocol.close_sent or protocol.transport.is_closing()
        return protocol.writable.is_set() and not closed and protocol.conn.state is State.OPEN

    def divert(self, on_frame: Callable[[str | bytes | None], None]) -> None:
        protocol = self._protocol
        self._on_frame = on_frame
        protocol.taker = self
        protocol.read_paused = False
        waiting = [protocol.queue.get_nowait() for _ in range(protocol.queue.qsize())]
        for event in waiting:
            if event["type"] == "websocket.receive":
                # One, as no more is heard of a socket while one waits.
                on_frame(event.get("text") or event.get("bytes") or "")
            else:
                protocol.queue.put_nowait(event)
        if not protocol.read_paused:
            protocol.go_on()

    def take(self, frame: str | bytes | None) -> None:
        """Hand over a message, or None for a frame that is none."""
        if self._on_frame is not None:
            self._on_frame(frame)

    def hold(self) -> None:
        self._protocol.hold()

    def go_on(self) -> None:
        self._protocol.go_on()

    def write(self, text: str) -> None:
        connection = self._protocol.conn
        connection.send_text(text.encode())
        self._protocol.transport.write(b"".join(connection.data_to_send()))
