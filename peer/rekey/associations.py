"""Derives the DTLS associations that a description adds to running transports. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.negotiation.effects import ConnectDtls
from peer.states import SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peer.negotiation.effects import Effect
    from peer.negotiation.session import Session

_OUR_OFFER_IS_PENDING = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedAssociations:
    """New DTLS associations that one offer/answer exchange adds beside those in use.

    Args:
        associations: Number of the new association, by the key of its transport.
        peer_may_keep: Keys of the transports whose peer may keep its former association: it sends
            no `a=tls-id`, so only the handshake shows.
        offered_by_us: Whether our offer asked for the new associations.
    """

    associations: Mapping[str, int]
    peer_may_keep: frozenset[str] = frozenset()
    offered_by_us: bool


def agreed_associations(before: Session, effects: Iterable[Effect]) -> AgreedAssociations:
    """Collect the associations after the first that a description starts.

    Args:
        before: The session that the description was applied to.
        effects: The effects of the description.
    """
    later = [e for e in effects if isinstance(e, ConnectDtls) and e.association > 0]
    return AgreedAssociations(
        associations={effect.key: effect.association for effect in later},
        peer_may_keep=frozenset(effect.key for effect in later if effect.peer_may_keep),
        offered_by_us=before.rekey is not None and before.state in _OUR_OFFER_IS_PENDING,
    )
