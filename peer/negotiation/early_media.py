"""Early media by which an offerer receives what it offered before the answer (RFC 3264 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.codecs import described_codecs
from peer.negotiation.header_extensions import early_extensions
from peer.rtp_parameters import ReceiveParameters
from peer.states import SignalingState
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.session import Session

_UNANSWERED = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


@dataclass(frozen=True, slots=True)
class EarlyReception:
    """Parameters by which one transceiver receives until there is an answer."""

    transceiver: int
    parameters: ReceiveParameters


def early_receptions(session: Session, transport: str) -> Iterator[EarlyReception]:
    """List receptions for a transport whose peer has shaken hands, but not answered.

    Args:
        session: The session; without a pending offer of ours there is nothing.
        transport: Key of the transport.
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
            yield EarlyReception(
                transceiver.key,
                ReceiveParameters(
                    mid=section.mid,
                    codecs=described_codecs(section, transceiver.kind),
                    extensions=early_extensions(section.extmaps),
                ),
            )
