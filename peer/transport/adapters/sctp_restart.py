"""Owns what is sent again to a peer that has restarted SCTP (RFC 8841 section 9.3). PURE.

A restarted peer has forgotten everything that it had not yet delivered, and its acknowledgements
are all that we know of what it had. So a message of a reliable channel arrives at least once: it
does so twice where it had been delivered, and the acknowledgement was lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class Announcing(Enum):
    """Which of our channels are announced again to a peer that has restarted SCTP."""

    #: Those whose announcement it has not acknowledged. Chromium keeps its channels.
    UNACKNOWLEDGED = "unacknowledged"
    #: All: for a peer that forgets them.
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a channel, or about one.

    Attributes:
        stream: Id of the channel.
        protocol: What it is (RFC 8831 section 8), for SCTP's payload protocol identifier.
        expiry: When it is given up, in seconds of the clock that `to_send_again` is told.
        max_retransmits: How often it may be sent after the first time.
    """

    stream: int
    protocol: int
    data: bytes
    ordered: bool = True
    expiry: float | None = None
    max_retransmits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What has become of a message so far.

    Attributes:
        acknowledged: The peer has all of it.
        abandoned: It had reached one of its limits.
        transmissions: How often the part that was sent most often was sent.
    """

    message: Message
    acknowledged: bool = False
    abandoned: bool = False
    transmissions: int = 0


def to_send_again(sent: Iterable[Sent], *, now: float) -> list[Message]:
    """What the peer cannot have delivered, in the order in which it was sent first."""
    again: list[Message] = []
    waiting: set[int] = set()
    for each in sent:
        message = each.message
        if each.acknowledged and not (message.ordered and message.stream in waiting):
            continue
        if message.ordered:
            # What came after it on its stream was not delivered, acknowledged or not.
            waiting.add(message.stream)
        within = _within_limits(each, now)
        if within is not None:
            again.append(within)
    return again


def _within_limits(sent: Sent, now: float) -> Message | None:
    message = sent.message
    expired = message.expiry is not None and message.expiry < now
    if sent.abandoned or expired:
        return None
    if message.max_retransmits is None:
        return message
    # RFC 3758 section 4.1: sending it anew is one more retransmission.
    left = message.max_retransmits - sent.transmissions
    return None if left < 0 else replace(message, max_retransmits=left)
