"""Owns the data channel that applications hold: aiortc's, with sends that fail by our errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, overload

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

from peer.emitter import PyeeEvents
from peer.errors import BufferFullError, InvalidStateError, MessageSizeError
from peer.transport.wire.dcep import Announcement

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.emitter import Decorator, PlainDecorator, Takes
    from peer.transport.adapters.sctp import Association

#: Bytes of unsent data of one channel, as in Chromium.
BUFFER_LIMIT = 16 * 1024 * 1024

_SURROGATES = re.compile("[\ud800-\udfff]")


class DataChannel(PyeeEvents, RTCDataChannel):
    """A data channel (W3C webrtc-pc section 6.2).

    Events are subscribed to with `on`: `open`, `message` (str or bytes), `bufferedamountlow`,
    `close`. It outlives a peer that restarts SCTP: what that had not acknowledged is sent again if
    the channel is reliable, and may then arrive twice.
    """

    event_names_of_class = ("open", "message", "bufferedamountlow", "close")

    def __init__(
        self,
        association: Association,
        parameters: RTCDataChannelParameters,
        send_open: bool = True,
    ) -> None:
        self.__association = association
        self.__is_ours = send_open and not parameters.negotiated
        super().__init__(association, parameters, send_open)

    @property
    def transport(self) -> Association:
        """The SCTP association that carries it at the moment."""
        return self.__association

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
        """Send one message.

        Raises:
            InvalidStateError: The channel is not open.
            MessageSizeError: The message is larger than the peer takes.
            BufferFullError: Too much waits to be sent; `bufferedAmount` stays as it is.
            TypeError: It is neither text nor bytes.
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
        return self.__is_ours

    def _announcement(self) -> Announcement:
        return Announcement(
            label=self.label,
            protocol=self.protocol,
            ordered=self.ordered,
            max_packet_life_time=self.maxPacketLifeTime,
            max_retransmits=self.maxRetransmits,
        )

    def _move(self, association: Association) -> None:
        self.__association = association


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Web IDL's USVString, which is what W3C's `send` takes.
        return _SURROGATES.sub("\ufffd", text).encode()
