"""Selects the messages to resend to a peer that has restarted SCTP (RFC 8841 section 9.3). PURE.

A restarted peer has forgotten everything that it had not yet delivered, and its acknowledgements
are all that we know of what it had. So a message of a reliable channel arrives at least once: it
does so twice if it had been delivered, and the acknowledgement was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.times import UnixTime
    from peer.transport.adapters.sctp_association import SctpMessage, SentMessage


def messages_to_resend(sent: Iterable[SentMessage], *, now: UnixTime) -> list[SctpMessage]:
    """Return the messages that the peer cannot have delivered, in the order of their first sending.

    Args:
        sent: Messages that the cumulative acknowledgement does not cover, oldest first.
        now: The present time, on the clock of `SctpMessage.expiry`.
    """
    resent: list[SctpMessage] = []
    #: Ordered streams with a message that the peer lacks.
    incomplete: set[int] = set()
    for each in sent:
        message = each.message
        if each.acknowledged and not (message.ordered and message.stream in incomplete):
            continue
        if message.ordered:
            # Later messages on its stream were not delivered, acknowledged or not.
            incomplete.add(message.stream)
        limited = _within_limits(each, now)
        if limited is not None:
            resent.append(limited)
    return resent


def _within_limits(sent: SentMessage, now: UnixTime) -> SctpMessage | None:
    message = sent.message
    expired = message.expiry is not None and message.expiry < now
    if sent.abandoned or expired:
        return None
    if message.max_retransmits is None:
        return message
    # RFC 3758 section 4.1: sending it anew is one more retransmission.
    left = message.max_retransmits - sent.transmissions
    return None if left < 0 else replace(message, max_retransmits=left)
