"""Framing of SIP messages in a byte stream by Content-Length (RFC 3261 section 18.3). PURE."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from signaling.sip.errors import SipMessageError
from signaling.sip.grammar import whole_number
from signaling.sip.parsing import HEAD_END, MAX_HEAD, MAX_MESSAGE, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator

_PING: Final = b"\r\n\r\n"
_PONG: Final = b"\r\n"


class KeepAlive(Enum):
    """Line ends between two messages of a stream (RFC 5626 section 4.4.1)."""

    PING = auto()
    PONG = auto()


class StreamFramer:
    """Cuts the SIP messages out of the octets of one TCP or TLS connection, in order.

    Holds no more than one message that is not whole yet. After an error nobody knows where the next
    message begins: the connection is closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._size: int | None = None

    @property
    def kept(self) -> int:
        """Octets that are kept until the rest of their message comes."""
        return len(self._buffer)

    def receive(self, data: bytes) -> Iterator[bytes | KeepAlive]:
        """Take octets, and yield each message that is whole now, and each keep-alive.

        Raises:
            SipMessageError: A message is too large, or does not say how long it is.
        """
        self._buffer += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> bytes | KeepAlive | None:
        if self._size is None:
            if self._buffer.startswith(_PING):
                del self._buffer[: len(_PING)]
                return KeepAlive.PING
            # Three octets of a ping are no pong yet.
            if self._buffer[:1] == b"\r" and len(self._buffer) < len(_PING):
                return self._pong_or_wait()
            if self._buffer.startswith(_PONG):
                del self._buffer[: len(_PONG)]
                return KeepAlive.PONG
            self._size = self._find_size()
        if self._size is None or len(self._buffer) < self._size:
            return None
        message = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size, self._searched = None, 0
        return message

    def _pong_or_wait(self) -> KeepAlive | None:
        if self._buffer != _PONG:
            return None
        self._buffer.clear()
        return KeepAlive.PONG

    def _find_size(self) -> int | None:
        """Octets of the message that the buffer begins with, once its headers are whole."""
        end = HEAD_END.search(self._buffer, max(0, self._searched - 3))
        if end is None:
            self._searched = len(self._buffer)
            if len(self._buffer) > MAX_HEAD:
                raise SipMessageError("no empty line ends the headers of a stream", status=513)
            return None
        _, fields = read_head(bytes(self._buffer[: end.start()]))
        lengths = {value for name, value in fields if name.lower() == "content-length"}
        if len(lengths) != 1:
            raise SipMessageError("a message of a stream needs one Content-Length")
        (length,) = lengths
        octets = whole_number(length)
        if octets is None:
            raise SipMessageError(f"Content-Length: {length!r} is no number")
        if end.end() + octets > MAX_MESSAGE:
            raise SipMessageError(f"a message with a body of {length} octets", status=513)
        return end.end() + octets
