"""Resets of streams, ours and the peer's (RFC 6525; RFC 8831 section 6.7). PURE."""

from __future__ import annotations

from enum import IntEnum
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from peer.transport.sctp.core.chunks import (
    RESET_REQUEST,
    TSN_MODULO,
    WORD,
    WORDS,
    ChunkType,
    ParameterType,
    chunk,
    parameter,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_MASK: Final = TSN_MODULO - 1
#: Streams that one request names, so that it fits into a packet (ours).
_MOST_STREAMS: Final = 256


class ResetResult(IntEnum):
    """Result of a request (RFC 6525 section 4.4)."""

    NOTHING_TO_DO = 0
    PERFORMED = 1
    DENIED = 2
    IN_PROGRESS = 6


class _Request(NamedTuple):
    """Request of the peer that waits for DATA which it says it has sent."""

    number: int
    last_tsn: int
    streams: tuple[int, ...]


class OwnResets:
    """Requests to reset streams of ours; one is on its way at a time.

    Args:
        first: Number of the first request, which is our initial TSN (RFC 6525 section 5.1.1).
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._waiting: dict[int, None] = {}
        self._sent: tuple[int, ...] = ()

    @property
    def sent(self) -> tuple[int, ...]:
        """Streams of the request that is on its way; empty where none is."""
        return self._sent

    @property
    def is_waiting(self) -> bool:
        """True where streams wait for the next request."""
        return bool(self._waiting)

    def add(self, stream: int) -> None:
        """Ask for the reset of a stream, once all of its messages are sent."""
        self._waiting[stream] = None

    def begin(self, is_busy: Callable[[int], bool]) -> bool:
        """Choose the streams of the next request; return False where there is none to make.

        Args:
            is_busy: Tells whether messages of a stream are still to be sent.
        """
        if self._sent:
            return False
        ready = tuple(each for each in self._waiting if not is_busy(each))[:_MOST_STREAMS]
        for each in ready:
            del self._waiting[each]
        self._sent = ready
        return bool(ready)

    def write(self, *, last_tsn: int, last_request: int) -> bytes:
        """Encode the request that is on its way.

        Args:
            last_tsn: TSN that we have assigned last.
            last_request: Number of the peer's request that we have answered last.
        """
        body = RESET_REQUEST.pack(self._next, last_request, last_tsn)
        body += pack(f"!{len(self._sent)}H", *self._sent)
        return chunk(ChunkType.RECONFIG, parameter(ParameterType.OUTGOING_RESET, body))

    def on_response(self, value: bytes) -> tuple[int, ...]:
        """Take the answer of the peer; return the streams that are reset, none where not yet."""
        if len(value) < WORDS.size or not self._sent:
            return ()
        number, result = WORDS.unpack_from(value)
        if number != self._next or result == ResetResult.IN_PROGRESS:
            return ()
        # What is denied cannot be had: the stream is as good as reset.
        reset, self._sent = self._sent, ()
        self._next = (self._next + 1) & _MASK
        return reset


class PeerResets:
    """Requests of the peer to reset its streams, the last of which is answered again if it comes.

    Args:
        first: Number of the peer's first request, which is its initial TSN.
    """

    def __init__(self, first: int) -> None:
        self._expected = first
        self._last_result = ResetResult.NOTHING_TO_DO
        self._deferred: _Request | None = None

    @property
    def answered(self) -> int:
        """Number of the request that was answered last."""
        return (self._expected - 1) & _MASK

    def on_request(self, kind: int, value: bytes) -> bytes:
        """Take a request of the peer; return the answer, empty where `perform` has it."""
        if len(value) < WORD.size:
            return b""
        (number,) = WORD.unpack_from(value)
        if number == self.answered:
            # RFC 6525 section 5.2.1: the answer was lost.
            return _response(number, self._last_result)
        # Peers begin with other numbers than that of the RFC.
        self._expected = number
        match kind:
            case ParameterType.OUTGOING_RESET if len(value) >= RESET_REQUEST.size:
                count = (len(value) - RESET_REQUEST.size) // 2
                streams = unpack_from(f"!{count}H", value, RESET_REQUEST.size)
                _, _, last_tsn = RESET_REQUEST.unpack_from(value)
                self._deferred = _Request(number, last_tsn, streams)
                return b""
            case ParameterType.ADD_OUTGOING:
                # We take streams of any number.
                return self._answer(ResetResult.PERFORMED)
            case _:
                return self._answer(ResetResult.DENIED)

    def progress(self) -> bytes:
        """Say of a request that it waits for DATA; empty where none does (RFC 6525 section 4.4)."""
        request = self._deferred
        return b"" if request is None else _response(request.number, ResetResult.IN_PROGRESS)

    def perform(self, cumulative: int) -> tuple[tuple[int, ...], bytes] | None:
        """Perform the request that waits, if all DATA before it has come.

        Returns:
            The streams, where none is all, and the answer.
        """
        request = self._deferred
        if request is None or 0 < (request.last_tsn - cumulative) & _MASK < TSN_MODULO // 2:
            return None
        self._deferred = None
        return request.streams, self._answer(ResetResult.PERFORMED)

    def _answer(self, result: ResetResult) -> bytes:
        number, self._last_result = self._expected, result
        self._expected = (self._expected + 1) & _MASK
        return _response(number, result)


def _response(number: int, result: ResetResult) -> bytes:
    body = parameter(ParameterType.RECONFIG_RESPONSE, WORDS.pack(number, result))
    return chunk(ChunkType.RECONFIG, body)
