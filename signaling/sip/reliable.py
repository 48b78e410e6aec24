"""Reliable provisional responses of SIP (RFC 3262): numbers, order, acknowledgement. PURE."""

from __future__ import annotations

import re
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.grammar import whole_number

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from peer.times import Seconds

#: Option tag of reliable provisional responses (RFC 3262 section 8.1).
OPTION: Final = "100rel"
#: Bound on the reliable responses that wait behind the one that has no PRACK yet (ours).
MAX_WAITING: Final = 8
#: Least and greatest first RSeq: the rest is for those that follow (RFC 3262 section 3).
_FIRST_RSEQ: Final = 1
_RSEQ_END: Final = 2**31
_RACK: Final = re.compile(r"([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)", re.ASCII)


class Order(Enum):
    """Place of a reliable response that came among those before it."""

    NEXT = auto()
    REPEATED = auto()
    #: One before it is missing: it is not acknowledged, so that both come again.
    EARLY = auto()


class ReliableReceiver:
    """Reliable responses to one INVITE of ours in one dialog (RFC 3262 section 4)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, rseq: int) -> Order:
        """Take the RSeq of a response."""
        if self._last is None or rseq == self._last + 1:
            self._last = rseq
            return Order.NEXT
        return Order.REPEATED if rseq <= self._last else Order.EARLY


@dataclass(frozen=True, slots=True)
class _Unacknowledged:
    rseq: int
    response: Response


class ReliableSender:
    """Reliable responses to one INVITE that came (RFC 3262 section 3), one at a time.

    Args:
        first: RSeq of the first one, chosen by chance.
        t1: Seconds before the first repetition; the interval doubles each time.
    """

    def __init__(self, *, first: int, t1: Seconds) -> None:
        self._next = max(_FIRST_RSEQ, min(first, _RSEQ_END - 1))
        self._t1 = t1
        self._interval = t1
        self._open: _Unacknowledged | None = None
        self._acknowledged: set[int] = set()
        self._waiting: deque[Response] = deque()

    @property
    def unacknowledged(self) -> Response | None:
        """Response whose PRACK has not come yet."""
        return self._open.response if self._open else None

    @property
    def holds_description(self) -> bool:
        """A response without its PRACK holds a description: a 2xx waits for it (section 3)."""
        responses = [*self._waiting, *([self._open.response] if self._open else [])]
        return any(response.body for response in responses)

    def send(self, response: Response) -> Response | None:
        """Number a response to send; return it where it goes now, None where it waits for a PRACK.

        Raises:
            OverflowError: Too many wait.
        """
        if self._open is not None:
            if len(self._waiting) >= MAX_WAITING:
                raise OverflowError(f"{MAX_WAITING} reliable responses wait for a PRACK")
            self._waiting.append(response)
            return None
        return self._number(response)

    def interval(self) -> Seconds:
        """Seconds until the open response is repeated; it doubles with each call."""
        interval, self._interval = self._interval, 2 * self._interval
        return interval

    def acknowledge(self, prack: Request, *, sequence: int) -> Order | None:
        """Take a PRACK request: NEXT for the open response, REPEATED for one before, None for none.

        Args:
            prack: The request.
            sequence: Number of the INVITE.
        """
        found = _RACK.fullmatch(prack.headers.get("RAck", "") or "")
        if not found or int(found[2]) != sequence or found[3].upper() != "INVITE":
            return None
        rseq = int(found[1])
        if self._open is not None and rseq == self._open.rseq:
            self._open = None
            self._acknowledged.add(rseq)
            return Order.NEXT
        return Order.REPEATED if rseq in self._acknowledged else None

    def following(self) -> Response | None:
        """Response that waited for the last PRACK, numbered; it goes out now."""
        if self._open is not None or not self._waiting:
            return None
        return self._number(self._waiting.popleft())

    def stop(self) -> None:
        """Send nothing any more: the INVITE has its final response."""
        self._open = None
        self._waiting.clear()

    def _number(self, response: Response) -> Response:
        response.headers.set("Require", OPTION)
        response.headers.set("RSeq", str(self._next))
        self._open = _Unacknowledged(self._next, response)
        self._next += 1
        self._interval = self._t1
        return response


def rseq_of(response: Response) -> int | None:
    """RSeq of a reliable response; None for one that is not reliable, or broken."""
    if response.code == 100 or OPTION not in option_tags(response, "Require"):
        return None
    return whole_number((response.headers.get("RSeq") or "").strip())


def option_tags(message: Request | Response, header: str) -> frozenset[str]:
    """Option tags of `Require`, `Supported` or `Allow`, in lower case."""
    return frozenset(
        tag.strip().lower()
        for value in message.headers.getlist(header)
        for tag in value.split(",")
        if tag.strip()
    )
