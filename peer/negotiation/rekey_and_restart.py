"""Rekey and ICE restart: when an offer asks for them, what it says, and when they are done.

A rekey asks for a new DTLS association on every transport, because no transport may show the old
certificate beside one that shows the new one. Offers change neither DTLS roles nor routes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.negotiation.association_change import (
    with_association_in_use,
    with_local_half,
    without_association,
)
from peer.negotiation.validation import offer_verdicts
from peer.states import SignalingState

if TYPE_CHECKING:
    from peer.ice import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.profile import Profile
    from peer.negotiation.session import Session
    from peer.negotiation.transport_state import LocalIdentity, TransportState


def due_rekey(session: Session) -> tuple[Fingerprint, ...] | None:
    """Give the fingerprints with which an offer asks for new associations; None where none does.

    While it is open whether the last associations are in use, a request for others waits.
    """
    known = session.stable_transports
    ready = bool(known) and not any(transport.fallbacks for transport in known)
    return session.rekey if ready else None


def restart_is_due(session: Session) -> bool:
    """Tell whether an offer has to restart ICE (webrtc-pc section 4.7.3)."""
    return bool(session.credentials_to_replace) and bool(session.stable_transports)


def without_fulfilled(session: Session) -> Session:
    """Drop the requests that an exchange has fulfilled, at its end.

    Args:
        session: Its pending descriptions are about to be the current ones.
    """
    rekey, replaced = session.rekey, session.credentials_to_replace
    # An exchange of the peer's that happened to ask for new associations will do.
    kept = [t for t in session.stable_transports if session.transport(t.key) is not None]
    if kept and all(_is_renewed(session, transport) for transport in kept):
        rekey = None
    if session.pending_local is not None:
        # webrtc-pc section 4.4.1.5: "if none of the ICE credentials ... exist in description".
        sdp = session.pending_local.sdp
        shown = {sdp.transport_ice(section) for section in sdp.media if not section.rejected}
        if not any((ice.username_fragment, ice.password) in shown for ice in replaced):
            replaced = frozenset()
    return replace(session, rekey=rekey, credentials_to_replace=replaced)


def with_ice_restart(session: Session) -> Session:
    """Request that all ICE credentials in use be replaced (webrtc-pc section 4.4.2)."""
    transports = (*session.transports, *session.stable_transports)
    return replace(
        session, credentials_to_replace=frozenset(transport.local for transport in transports)
    )


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


def _is_renewed(session: Session, known: TransportState) -> bool:
    now = session.transport(known.key)
    return now is not None and now.association.number > known.association.number


class OfferedTransports:
    """The transports as one offer of ours describes them.

    A request of a pending offer stays in the offer that replaces it.

    Args:
        session: The session as it stands.
        profile: Makes identities and credentials.
        restart: Restart ICE on all transports, requested or not.
    """

    def __init__(self, session: Session, profile: Profile, *, restart: bool) -> None:
        self._session = session
        self._profile = profile
        self._rekey = due_rekey(session)
        self._restart = restart
        self._renewed: dict[IceParameters, IceParameters] = {}

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Fingerprints of the certificate that transports without an association show."""
        return self._rekey or self._session.fingerprints

    def of(self, now: TransportState) -> TransportState:
        """Give a transport as the offer describes it."""
        known = self._session.stable_transport(now.key)
        if known is None:
            return now
        return with_local_half(known, self._identity(known, now), self._credentials(known, now))

    def _identity(self, known: TransportState, now: TransportState) -> LocalIdentity:
        ours, asked = known.association.local, now.association.local
        if self._rekey is None:
            return ours
        if asked != ours and asked.fingerprints == self._rekey:
            return asked
        return self._profile.new_identity(self._rekey)

    def _credentials(self, known: TransportState, now: TransportState) -> IceParameters:
        replaced = self._session.credentials_to_replace
        if not (self._restart or known.local in replaced):
            return known.local
        if now.local != known.local and now.local not in replaced:
            return now.local
        # As in the first offer: Pion and GStreamer want one pair in a whole group.
        if known.local not in self._renewed:
            self._renewed[known.local] = self._profile.new_credentials()
        return self._renewed[known.local]
