"""Data channel as applications hold it: aiortc's RTCDataChannel, whose `send` raises our errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

from peer.emitter import PyeeEvents
from peer.errors import BufferFullError, InvalidStateError, MessageSizeError
from peer.transport.wire.dcep import DataChannelOpen

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcsctptransport import RTCSctpTransport

    from peer.emitter import Decorator, PlainDecorator, Takes

#: Bytes of unsent data of one channel; more are refused (as in Chromium).
BUFFER_LIMIT = 16 * 1024 * 1024

_SURROGATES = re.compile("[\ud800-\udfff]")


class DataChannelTransport(Protocol):
    """SCTP association, as far as its data channels need it."""

    @property
    def largest_message(self) -> int:
        """Size in bytes of the largest message that the peer takes; 0 is no limit."""

    def enqueue(self, channel: DataChannel, payload: bytes, *, is_text: bool) -> None:
        """Send a message of a channel as soon as that is possible."""


class DataChannel(PyeeEvents, RTCDataChannel):
    """Data channel (W3C webrtc-pc section 6.2).

    Events are subscribed to with `on`: `open`, `message` (str or bytes), `bufferedamountlow`,
    `close`. It outlives a peer that restarts SCTP: what that had not acknowledged is sent again if
    the channel is reliable, and may then arrive twice.

    Args:
        association: The SCTP association, which aiortc's part of the channel uses as well.
        parameters: Label, id and reliability.
        send_open: Announce the channel to the peer, unless it is negotiated.
    """

    event_names_of_class = ("open", "message", "bufferedamountlow", "close")

    def __init__(
        self,
        association: DataChannelTransport,
        parameters: RTCDataChannelParameters,
        send_open: bool = True,
    ) -> None:
        self.__association = association
        self.__is_announced_by_us = send_open and not parameters.negotiated
        super().__init__(cast("RTCSctpTransport", association), parameters, send_open)

    def __repr__(self) -> str:
        waiting = f"{self.bufferedAmount} bytes waiting"
        return f"<DataChannel {self.id} {self.label!r} {self.readyState}, {waiting}>"

    @property
    def transport(self) -> RTCSctpTransport:
        """SCTP association that carries the channel at the moment; used by aiortc."""
        return cast("RTCSctpTransport", self.__association)

    @overload  # type: ignore[override]  # pyee takes any name
    def on(self, event: Literal["message"], f: None = None) -> Decorator[str | bytes]: ...
    @overload
    def on(self, event: Literal["message"], f: Takes[str | bytes]) -> Takes[str | bytes]: ...
    @overload
    def on(
        self, event: Literal["open", "bufferedamountlow", "close"], f: None = None
    ) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["open", "bufferedamountlow", "close"], f: Callable[[], object]
    ) -> Callable[[], object]: ...
    def on(self, event: str, f: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@channel.on("message")`.

        Raises:
            ValueError: A DataChannel has no event of that name; the error lists those it has.
        """
        return self._emitter.subscribe(event, f)

    def send(self, data: str | bytes | bytearray | memoryview) -> None:
        """Send one message to the peer.

        Raises:
            InvalidStateError: The channel is not open.
            MessageSizeError: The message is larger than the peer takes.
            BufferFullError: `BUFFER_LIMIT` would be exceeded; `bufferedAmount` stays as it is.
            TypeError: The message is neither text nor bytes.
        """
        if self.readyState != "open":
            raise InvalidStateError(f"the data channel is {self.readyState}")
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
        if self.bufferedAmount + len(payload) > BUFFER_LIMIT:
            raise BufferFullError(f"{self.bufferedAmount} bytes wait to be sent")
        self.__association.enqueue(self, payload, is_text=is_text)

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
        )

    def _move_to(self, association: DataChannelTransport) -> None:
        self.__association = association


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Web IDL's USVString, which is what W3C's `send` takes.
        return _SURROGATES.sub("\ufffd", text).encode()
