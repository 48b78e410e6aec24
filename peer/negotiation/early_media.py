"""Owns what an offerer can receive before the answer: what it offered (RFC 3264 section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.negotiation.codecs import described_codecs
from peer.rtp_parameters import HeaderExtension, ReceiveParameters
from peer.states import SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.session import Session

_UNANSWERED = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


@dataclass(frozen=True, slots=True)
class EarlyReception:
    """How a transceiver receives until the answer settles it."""

    transceiver: int
    parameters: ReceiveParameters


def early_receptions(session: Session, transport: str) -> Iterator[EarlyReception]:
    """What may arrive over a transport whose peer has shaken hands, but not answered.

    Args:
        session: With our offer pending; otherwise there is nothing.
        transport: Its key.
    """
    offer = session.pending_local
    if offer is None or session.state not in _UNANSWERED:
        return
    # RFC 8843 section 7.3.1: a peer that bundles sends everything over one of the transports.
    bundled = {mid for group in offer.sdp.bundle_groups for mid in group.mids}
    if not any(session.route(mid) == transport for mid in bundled):
        bundled = set()
    for section in offer.sdp.media:
        transceiver = session.transceiver_of(section.mid)
        if section.mid is None or transceiver is None or transceiver.agreement is not None:
            continue
        here = session.route(section.mid) == transport or section.mid in bundled
        if here and offer.sdp.direction(section).receives:
            extensions = tuple(HeaderExtension(item.id, item.uri) for item in section.extmaps)
            yield EarlyReception(
                transceiver.key,
                ReceiveParameters(
                    mid=section.mid,
                    codecs=described_codecs(section, transceiver.kind),
                    extensions=extensions,
                ),
            )
