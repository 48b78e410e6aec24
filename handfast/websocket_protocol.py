"""uvicorn's WebSocket protocol with `signaling.server.direct_frames`: no task for each message."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from handfast.whole_frames import frame_size, read_whole_text
from signaling.server.direct_frames import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request

_END_OF_REQUEST: Final = b"\r\n\r\n"


class DirectWebSocketProtocol(WebSocketsSansIOProtocol):
    """The WebSocket protocol of `handfast serve`; `uvicorn.run(app, ws=...)` takes it as well.

    It is uvicorn's own until an app asks for its frames.
    """

    #: What takes the frames; None while they go the way of ASGI.
    taker: UvicornFrames | None = None
    #: Octets of a frame that `websockets` is still to be given; None while frames are not told
    #: apart: before the WebSocket is open, or where its client did not wait for that.
    _owed: int | None = None
    #: Begin of a frame whose length is not known.
    _begun = b""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # The app begins in a later turn. A request that was refused has no scope.
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = UvicornFrames(self)  # type: ignore[assignment] # a dict there

    def data_received(self, data: bytes) -> None:
        if self._owed is None:
            super().data_received(data)
            if self.handshake_initiated and data.endswith(_END_OF_REQUEST):
                self._owed = 0
            return
        data, self._begun = self._begun + data, b""
        at = 0
        while at < len(data):
            if self._owed:
                part = data[at : at + self._owed]
                at += len(part)
                self._owed -= len(part)
                super().data_received(part)
            elif (behind := self._take_whole_text(data, at)) is not None:
                at = behind
            elif (size := frame_size(data, at)) is not None:
                self._owed = size
            else:
                self._begun = data[at:]
                return

    def _take_whole_text(self, data: bytes, at: int) -> int | None:
        """Hand over the usual frame, and return the offset behind it; None where it is another."""
        taker, connection = self.taker, self.conn
        if taker is None or self.close_sent or connection.state is not State.OPEN:
            return None
        # Between the parts of a message it breaks a rule, and compression changes what it means.
        if connection.current_size is not None or connection.extensions:
            return None
        whole = read_whole_text(data, at, longest=self.config.ws_max_size)
        if whole is None:
            return None
        text, behind = whole
        taker.take(text)
        return behind

    def send_receive_event_to_app(self) -> None:
        if self.taker is None or self.close_sent:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if self.curr_msg_data_type == "bytes":
            self.taker.take(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            # RFC 6455 section 8.1: the connection fails.
            self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            self.taker.take(text)

    def handle_close(self, event: Frame) -> None:
        if self.taker is not None and self.taker.held:
            self.taker.take(event)
        else:
            super().handle_close(event)


class UvicornFrames:
    """The frames of one WebSocket of uvicorn: a `DirectFrames`.

    Args:
        protocol: Its protocol.
    """

    __slots__ = ("_early", "_on_frame", "_protocol", "held")

    def __init__(self, protocol: DirectWebSocketProtocol) -> None:
        self._protocol = protocol
        self._on_frame: Callable[[str | bytes], None] | None = None
        #: What came after the frame at which it was held, in the same read of the socket.
        self._early: deque[str | bytes | Frame] | None = None
        self.held = False

    @property
    def writable(self) -> bool:
        protocol = self._protocol
        closed = protocol.close_sent or protocol.transport.is_closing()
        return protocol.writable.is_set() and not closed

    def divert(self, on_frame: Callable[[str | bytes], None]) -> None:
        protocol = self._protocol
        self._on_frame = on_frame
        self._early = deque()
        ends = []
        while not protocol.queue.empty():
            event = protocol.queue.get_nowait()
            if event["type"] == "websocket.receive":
                self._early.append(event.get("text") or event.get("bytes") or "")
            else:
                ends.append(event)
        for event in ends:
            protocol.queue.put_nowait(event)
        protocol.taker = self
        self.go_on()

    def take(self, frame: str | bytes | Frame) -> None:
        """Hand over a message, or a close frame in its turn."""
        if self.held:
            self._early = self._early or deque()
            self._early.append(frame)
        elif isinstance(frame, Frame):
            self._protocol.handle_close(frame)
        elif self._on_frame is not None:
            self._on_frame(frame)

    def hold(self) -> None:
        self.held = True
        protocol = self._protocol
        if not (protocol.read_paused or protocol.transport.is_closing()):
            protocol.read_paused = True
            protocol.transport.pause_reading()

    def go_on(self) -> None:
        self.held = False
        while self._early and not self.held:
            self.take(self._early.popleft())
        if self.held:
            return
        self._early = None
        protocol = self._protocol
        if protocol.read_paused and not protocol.transport.is_closing():
            protocol.read_paused = False
            protocol.transport.resume_reading()

    def write(self, text: str) -> None:
        connection = self._protocol.conn
        connection.send_text(text.encode())
        self._protocol.transport.write(b"".join(connection.data_to_send()))
