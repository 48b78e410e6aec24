"""Data channel as applications hold it: aiortc's RTCDataChannel with our states and events.

Nothing of a channel reaches the application before its `open` event: messages, and what else
happens meanwhile, wait for it in their order (W3C webrtc-pc section 6.2: `datachannel`, then
`open`, then messages, each by a task of its own).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

from peer.emitter import PyeeEvents
from peer.errors import BufferFullError, InvalidStateError, MessageSizeError, SctpError
from peer.priority import Priority
from peer.states import DataChannelState
from peer.transport.adapters.message_reader import MessageReader
from peer.transport.wire.dcep import DataChannelOpen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from aiortc.rtcsctptransport import RTCSctpTransport

    from peer.emitter import Decorator, PlainDecorator, Takes

#: Bytes of unsent data of one channel; more are refused (as in Chromium).
BUFFER_LIMIT = 16 * 1024 * 1024
#: Bytes of unsent data up to which `await channel.send(...)` returns at once (ours).
SEND_AHEAD = 256 * 1024
#: Bytes of messages that wait for the `open` event, which fires then even where the application has
#: not been told of the channel yet (ours; that of the SCTP window).
BEFORE_OPEN_LIMIT = 1024 * 1024

_SURROGATES = re.compile("[\ud800-\udfff]")
_ENDED = (DataChannelState.CLOSING, DataChannelState.CLOSED)


class DataChannelTransport(Protocol):
    """SCTP association, as far as its data channels need it."""

    @property
    def largest_message(self) -> int:
        """Size in bytes of the largest message that the peer takes; 0 is no limit."""

    def enqueue(self, channel: DataChannel, payload: bytes, *, is_text: bool) -> None:
        """Send a message of a channel as soon as that is possible."""

    def count_unread(self, size: int) -> None:
        """Count bytes that a program has yet to read; of a negative size, those that it has."""


@dataclass(slots=True)
class MessageCounts:
    """Messages of one data channel and their bytes, without headers (RTCDataChannelStats)."""

    messages_sent: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    bytes_received: int = 0


class DataChannel(PyeeEvents, RTCDataChannel):
    """Data channel (W3C webrtc-pc section 6.2), and an asynchronous iterator of its messages.

    Events are subscribed to with `on`: `open`, `message` (str or bytes), `bufferedamountlow`,
    `error` (SctpError), `closing` (the peer closes it), `close`. It outlives a peer that restarts
    SCTP: what that had not acknowledged is sent again if the channel is reliable, and may then
    arrive twice.

    `async for message in channel` takes the messages from then on, until the channel is closed.
    A program that reads slowly slows the peer down: what it has yet to read is taken off the window
    of the SCTP association (1 MiB), which all channels share.

    Args:
        association: The SCTP association, which aiortc's part of the channel uses as well.
        parameters: Label, id and reliability.
        send_open: Announce the channel to the peer, unless it is negotiated.
        priority: The priority that is announced.

    Attributes:
        counts: What was sent and received, for statistics.
    """

    event_names_of_class = ("open", "message", "bufferedamountlow", "error", "closing", "close")

    def __init__(
        self,
        association: DataChannelTransport,
        parameters: RTCDataChannelParameters,
        send_open: bool = True,
        *,
        priority: Priority = Priority.LOW,
    ) -> None:
        self.__association = association
        self.__is_announced_by_us = send_open and not parameters.negotiated
        self.__priority = priority
        self.__state = DataChannelState.CONNECTING
        self.__buffered = 0
        self.__error: SctpError | None = None
        self.__is_closed_here = False
        #: Whether an `open` event is still to come, for which others wait.
        self.__will_open = False
        self.__open_task: asyncio.Handle | None = None
        #: Events that wait for `open`; None once that has fired.
        self.__waiting: deque[Callable[[], object]] | None = deque()
        self.__waiting_size = 0
        self.__readers: list[MessageReader] = []
        self.__senders: list[asyncio.Future[None]] = []
        self.counts = MessageCounts()
        super().__init__(cast("RTCSctpTransport", association), parameters, send_open)

    def __repr__(self) -> str:
        waiting = f"{self.bufferedAmount} bytes waiting"
        return f"<DataChannel {self.id} {self.label!r} {self.readyState}, {waiting}>"

    @property
    def transport(self) -> RTCSctpTransport:
        """SCTP association that carries the channel at the moment; used by aiortc."""
        return cast("RTCSctpTransport", self.__association)

    @property
    def readyState(self) -> DataChannelState:
        """State of the channel."""
        return self.__state

    @property
    def bufferedAmount(self) -> int:
        """Bytes of messages that `send` has taken, and that SCTP has not yet."""
        return self.__buffered

    @property
    def priority(self) -> Priority:
        """Priority as the end that made the channel has announced it."""
        return self.__priority

    @overload  # type: ignore[override]  # pyee takes any name
    def on(self, event: Literal["message"], f: None = None) -> Decorator[str | bytes]: ...
    @overload
    def on(self, event: Literal["message"], f: Takes[str | bytes]) -> Takes[str | bytes]: ...
    @overload
    def on(self, event: Literal["error"], f: None = None) -> Decorator[SctpError]: ...
    @overload
    def on(self, event: Literal["error"], f: Takes[SctpError]) -> Takes[SctpError]: ...
    @overload
    def on(
        self, event: Literal["open", "bufferedamountlow", "closing", "close"], f: None = None
    ) -> PlainDecorator: ...
    @overload
    def on(
        self,
        event: Literal["open", "bufferedamountlow", "closing", "close"],
        f: Callable[[], object],
    ) -> Callable[[], object]: ...
    def on(self, event: str, f: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@channel.on("message")`.

        Raises:
            ValueError: A DataChannel has no event of that name; the error lists those it has.
        """
        return self._emitter.subscribe(event, f)

    async def __aiter__(self) -> AsyncGenerator[str | bytes, None]:
        """Iterate over the messages that arrive from now on, until the channel is closed."""
        if self.__state is DataChannelState.CLOSED and self.__waiting is None:
            return
        reader = MessageReader(lambda size: self.__association.count_unread(size))
        self.__readers.append(reader)
        try:
            while (message := await reader.next()) is not None:
                yield message
        finally:
            if reader in self.__readers:
                self.__readers.remove(reader)
            reader.close()

    def send(  # type: ignore[override]  # aiortc's returns nothing
        self, data: str | bytes | bytearray | memoryview
    ) -> Awaitable[None]:
        """Send one message to the peer.

        Returns:
            An awaitable that need not be awaited. It waits until at most `SEND_AHEAD` bytes are
            unsent, and raises InvalidStateError where the channel is closed before.

        Raises:
            InvalidStateError: The channel is not open.
            MessageSizeError: The message is larger than the peer takes.
            BufferFullError: `BUFFER_LIMIT` would be exceeded; `bufferedAmount` stays as it is.
            TypeError: The message is neither text nor bytes.
        """
        if self.__state is not DataChannelState.OPEN:
            raise InvalidStateError(f"the data channel is {self.__state}")
        match data:
            case str():
                is_text, payload = True, _utf8(data)
            case bytes():
                is_text, payload = False, data
            case bytearray() | memoryview():
                is_text, payload = False, bytes(data)
            case _:
                raise TypeError(f"a message is str or bytes, not {type(data).__name__}")
        most = min(self.__association.largest_message or BUFFER_LIMIT, BUFFER_LIMIT)
        if len(payload) > most:
            raise MessageSizeError(f"the message has {len(payload)} bytes, the peer takes {most}")
        if self.__buffered + len(payload) > BUFFER_LIMIT:
            raise BufferFullError(f"{self.__buffered} bytes wait to be sent")
        self.__association.enqueue(self, payload, is_text=is_text)
        self.counts.messages_sent += 1
        self.counts.bytes_sent += len(payload)
        return _Sent(self.__sent)

    def close(self) -> None:
        """Close the channel, once the peer has what was sent; `close` fires then."""
        if self.__state not in _ENDED:
            self.__is_closed_here = True
            super().close()

    def announce_open(self) -> None:
        """Fire `open` in the next turn of the event loop, and then what waits for it.

        For the SCTP association, and for what tells the application of a channel of the peer.
        """
        if self.__waiting is not None and self.__open_task is None:
            self.__will_open = True
            self.__open_task = asyncio.get_running_loop().call_soon(self.__open)

    @property
    def _is_announced_by_us(self) -> bool:
        return self.__is_announced_by_us

    def _announcement(self) -> DataChannelOpen:
        return DataChannelOpen(
            label=self.label,
            protocol=self.protocol,
            ordered=self.ordered,
            max_packet_life_time=self.maxPacketLifeTime,
            max_retransmits=self.maxRetransmits,
            priority=self.__priority,
        )

    def _move_to(self, association: DataChannelTransport) -> None:
        unread = sum(reader.size for reader in self.__readers)
        self.__association.count_unread(-unread)
        self.__association = association
        association.count_unread(unread)

    def _open_for_peer(self) -> None:
        """Open a channel of the peer, which the application has yet to be told of."""
        self.__state = DataChannelState.OPEN
        self.__will_open = True

    def _fail(self, error: SctpError | None) -> None:
        """Note why the channel is about to be closed, for `error`."""
        self.__error = error

    def _receive(self, message: str | bytes, size: int) -> None:
        """Hand a message of the peer to the application, after `open`."""
        if self.__waiting is None:
            self.__deliver(message, size)
            return
        if self.__state is DataChannelState.CONNECTING:
            # RFC 8832 section 6: a message says as much as the acknowledgement, which it overtook.
            self.announce_open()
        self.__waiting.append(partial(self.__deliver, message, size))
        self.__waiting_size += size
        if self.__waiting_size > BEFORE_OPEN_LIMIT:
            self.announce_open()

    def _addBufferedAmount(self, amount: int) -> None:
        low = self.bufferedAmountLowThreshold
        falls_to_low = self.__buffered > low >= self.__buffered + amount
        self.__buffered += amount
        if self.__buffered <= SEND_AHEAD:
            self.__wake_senders()
        if falls_to_low:
            self.emit("bufferedamountlow")

    def _setReadyState(self, state: str) -> None:
        match DataChannelState(state):
            case DataChannelState.OPEN if self.__state is DataChannelState.CONNECTING:
                self.announce_open()
            case DataChannelState.CLOSING if self.__state not in _ENDED:
                self.__state = DataChannelState.CLOSING
                if not self.__is_closed_here:
                    self.__fire(partial(self.emit, "closing"))
            case DataChannelState.CLOSED if self.__state is not DataChannelState.CLOSED:
                self.__state = DataChannelState.CLOSED
                self.__wake_senders()
                self.__fire(self.__emit_close)
            case _:
                """It is further already."""

    def __open(self) -> None:
        if self.__state is DataChannelState.CONNECTING:
            self.__state = DataChannelState.OPEN
        if self.__state is DataChannelState.OPEN:
            self.emit("open")
        self.__run_waiting()

    def __fire(self, event: Callable[[], object]) -> None:
        """Emit an event, after `open` if that is still to come."""
        if self.__waiting is None:
            event()
            return
        self.__waiting.append(event)
        if not self.__will_open:
            self.__run_waiting()

    def __run_waiting(self) -> None:
        waiting = self.__waiting
        while waiting:
            waiting.popleft()()
        self.__waiting = None

    def __deliver(self, message: str | bytes, size: int) -> None:
        self.counts.messages_received += 1
        self.counts.bytes_received += size
        for reader in self.__readers:
            reader.put(message, size)
        self.emit("message", message)

    def __emit_close(self) -> None:
        readers, self.__readers = self.__readers, []
        for reader in readers:
            reader.end()
        if self.__error is not None:
            self.emit("error", self.__error)
        self.emit("close")
        # As aiortc does, no further event follows.
        self.remove_all_listeners()

    def __wake_senders(self) -> None:
        senders, self.__senders = self.__senders, []
        for sender in senders:
            if not sender.done():
                sender.set_result(None)

    async def __sent(self) -> None:
        while self.__buffered > SEND_AHEAD:
            if self.__state is DataChannelState.CLOSED:
                raise InvalidStateError(
                    f"the data channel was closed, with {self.__buffered} bytes unsent"
                )
            sender = asyncio.get_running_loop().create_future()
            self.__senders.append(sender)
            try:
                await sender
            finally:
                if sender in self.__senders:
                    self.__senders.remove(sender)


class _Sent:
    """The outcome of `send`, which may be awaited or not."""

    __slots__ = ("_wait",)

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Web IDL's USVString, which is what W3C's `send` takes.
        return _SURROGATES.sub("\ufffd", text).encode()
