"""Changes the session by what the wire shows of a rekey or an ICE restart after the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.association import (
    with_association_in_use,
    with_local_half,
    without_association,
)
from peer.negotiation.validation import offer_verdicts
from peer.states import SignalingState
from peer.values import replace

if TYPE_CHECKING:
    from peer.negotiation.session import Session


def with_followed_restart(session: Session, key: str, *, generation: str) -> Session:
    """Give the session once the wire has shown that the peer is in a new ICE generation."""
    if session.stable is not None:
        # What a pending description of ours says, stands.
        return replace(
            session, stable=with_followed_restart(session.stable, key, generation=generation)
        )
    now = session.transport(key)
    if now is None or now.unanswered is None or now.unanswered.username_fragment != generation:
        return session
    return session.with_transport(replace(now, local=now.unanswered, unanswered=None))


def with_association_outcome(session: Session, key: str, number: int, *, in_use: bool) -> Session:
    """Give the session once the wire has shown whether a new association is in use.

    Args:
        session: The session as it stands; an offer may be pending.
        key: Key of the transport.
        number: Number of the association.
        in_use: The association is in use; else the peer keeps the one before it.
    """
    stable = session.stable
    if stable is not None:
        stable = with_association_outcome(stable, key, number, in_use=in_use)
    now = session.transport(key)
    if now is None:
        return replace(session, stable=stable)
    known = None if stable is None else stable.transport(key)
    if in_use:
        found = with_association_in_use(now, number)
    elif (
        known is not None
        and number == now.association.number
        and session.state is not SignalingState.HAVE_REMOTE_OFFER
    ):
        # What a description of ours says, stands: where it names what is gone, it asks anew.
        anew = with_local_half(known, now.association.local, now.local)
        found = replace(anew, remote_ice=now.remote_ice, ice_role=now.ice_role)
        found = replace(found, unanswered=now.unanswered)
    else:
        found = without_association(now, number)
    given_up = found.association.number < now.association.number
    fingerprints = found.association.local.fingerprints if given_up else session.fingerprints
    session = replace(session, stable=stable, fingerprints=fingerprints).with_transport(found)
    if session.offer_verdicts and session.pending_remote is not None:
        # The peer's pending offer is judged by the association that is found to serve.
        verdicts = offer_verdicts(session, session.pending_remote.sdp)
        session = replace(session, offer_verdicts=verdicts)
    return session
