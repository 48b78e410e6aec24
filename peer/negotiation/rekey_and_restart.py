"""Owns what an offer renews of the transports in use: associations and ICE generations.

Roles and transports never change in offers. A rekey concerns every transport: none keeps the old
certificate while another one shows the new one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.negotiation.association_change import found_in_use, found_unused, with_local
from peer.states import SignalingState

if TYPE_CHECKING:
    from peer.ice_parameters import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.profile import Profile
    from peer.negotiation.session import Session
    from peer.negotiation.transport_state import LocalIdentity, TransportState


def due_rekey(session: Session) -> tuple[Fingerprint, ...] | None:
    """The fingerprints with which an offer asks for new associations; None where it does not.

    While it is open whether the last ones are in use, the wish for others waits.
    """
    known = session.settled_transports
    ready = bool(known) and not any(transport.fallbacks for transport in known)
    return session.rekey if ready else None


def restart_is_due(session: Session) -> bool:
    """Whether an offer has to restart ICE (webrtc-pc section 4.7.3)."""
    return bool(session.credentials_to_replace) and bool(session.settled_transports)


def without_fulfilled(session: Session) -> Session:
    """The session at the end of an exchange, without the wishes that it fulfilled.

    Args:
        session: Its pending descriptions are about to be the current ones.
    """
    rekey, replaced = session.rekey, session.credentials_to_replace
    # An exchange of the peer's that happened to ask for new associations will do.
    kept = [t for t in session.settled_transports if session.transport(t.key) is not None]
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
    """Wish that none of the ICE credentials in use now stays (webrtc-pc section 4.4.2)."""
    transports = (*session.transports, *session.settled_transports)
    return replace(
        session, credentials_to_replace=frozenset(transport.local for transport in transports)
    )


def with_found(session: Session, key: str, number: int, *, replaced: bool) -> Session:
    """The session, once the wire has shown whether a new association is in use.

    Args:
        session: As it stands; an offer may be pending.
        key: Of the transport.
        number: Of the association.
        replaced: It is in use.
    """
    stable = session.stable
    if stable is not None:
        stable = with_found(stable, key, number, replaced=replaced)
    now = session.transport(key)
    if now is None:
        return replace(session, stable=stable)
    known = None if stable is None else stable.transport(key)
    if replaced:
        found = found_in_use(now, number)
    elif (
        known is not None
        and number == now.association.number
        and session.state is not SignalingState.HAVE_REMOTE_OFFER
    ):
        # What a description of ours says, stands: where it names what is gone, it asks anew.
        anew = with_local(known, now.association.local, now.local)
        found = replace(anew, remote_ice=now.remote_ice, ice_role=now.ice_role)
    else:
        found = found_unused(now, number)
    given_up = found.association.number < now.association.number
    fingerprints = found.association.local.fingerprints if given_up else session.fingerprints
    return replace(session, stable=stable, fingerprints=fingerprints).with_transport(found)


def _is_renewed(session: Session, known: TransportState) -> bool:
    now = session.transport(known.key)
    return now is not None and now.association.number > known.association.number


class OfferedTransports:
    """Speaks of the transports in one offer.

    What an offer in force asks for already stays asked for in the offer that replaces it.

    Args:
        session: As it stands.
        profile: Makes identities and credentials.
        restart: Whether all transports restart ICE, wished for or not.
    """

    def __init__(self, session: Session, profile: Profile, *, restart: bool) -> None:
        self._session = session
        self._profile = profile
        self._rekey = due_rekey(session)
        self._restart = restart
        self._renewed: dict[IceParameters, IceParameters] = {}

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Of the certificate that transports without an association show."""
        return self._rekey or self._session.fingerprints

    def of(self, now: TransportState) -> TransportState:
        """A transport as the offer speaks of it."""
        known = self._session.settled_transport(now.key)
        if known is None:
            return now
        return with_local(known, self._identity(known, now), self._credentials(known, now))

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
