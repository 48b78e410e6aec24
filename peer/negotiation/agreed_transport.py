"""The transport on which offer and answer of an m-section agree: its path, and its association."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import DescriptionError, ModificationError
from peer.ice import IceParameters, WithoutIce
from peer.negotiation.association import (
    is_ice_restart,
    is_new_peer,
    peer_restarts_ice,
    resolve,
    with_both_halves,
)
from peer.negotiation.keying import encryption_of
from peer.negotiation.sdes import agreed_terms, cryptos_of
from peer.negotiation.session import Side
from peer.negotiation.validation import offered_setup, peer_ice, remote_identity
from peer.negotiation.without_ice import without_ice
from peer.states import IceRole, MediaEncryption
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import RemoteIdentity, Session, TransportState


@dataclass(frozen=True, slots=True)
class AnsweredOffer:
    """One offer with its answer, provisional or final.

    Args:
        answerer: The side that answered.
        provisional: The peer's answer before, which this one may not contradict.
    """

    offer: Sdp
    answer: Sdp
    answerer: Side
    provisional: Sdp | None = None

    @property
    def remote(self) -> Sdp:
        """The peer's half of the exchange."""
        return self.answer if self.answerer is Side.REMOTE else self.offer

    @property
    def accepted(self) -> Iterator[tuple[MediaSection, MediaSection]]:
        """Pairs of offered and answered m-sections that neither end rejects."""
        for offered, answered in zip(self.offer.media, self.answer.media, strict=True):
            if not (offered.rejected or answered.rejected):
                yield offered, answered

    def theirs(self, offered: MediaSection, answered: MediaSection) -> MediaSection:
        """Give the peer's half of an m-section."""
        return answered if self.answerer is Side.REMOTE else offered


def agreed_transport(
    session: Session, exchange: AnsweredOffer, offered: MediaSection, answered: MediaSection
) -> TransportState | None:
    """Agree on the transport of an m-section, or give None where another one speaks for it.

    Raises:
        DescriptionError: The two halves do not make a transport.
    """
    mid = offered.mid or ""
    now = session.carrier([mid])
    if now is None:
        raise DescriptionError("the answer accepts an m-section without a transport", mid=mid)
    if exchange.answer.bundled(mid)[0] != mid:
        return None
    theirs = exchange.theirs(offered, answered)
    ice = _peer_ice(now, exchange, offered, answered)
    match encryption_of(exchange.remote, theirs):
        case MediaEncryption.NONE:
            return _agreed_unencrypted(session, exchange, now, ice, mid)
        case MediaEncryption.SDES_SRTP:
            return _agreed_by_sdes(session, exchange, now, ice, theirs)
        case _:
            if now.sdes is not None and exchange.answerer is Side.REMOTE:
                raise DescriptionError(
                    "the answer has a=fingerprint where the offer has a=crypto", mid=mid
                )
    # RFC 5763 section 5 holds for every answer, where a role was agreed before too.
    role = resolve(
        offered_setup(exchange.offer, offered),
        exchange.answer.transport_setup(answered),
        offerer=exchange.answerer is Side.REMOTE,
        mid=mid,
    )
    remote = remote_identity(exchange.remote, theirs)
    if exchange.provisional is not None:
        _check_again(exchange.provisional, remote, ice, mid)
    known = session.stable_transport(now.key)
    if known is None and now.association.agreed:
        return None
    if known is None or not known.uses_dtls:
        association = replace(now.association, remote=remote, role=role)
        now = now if known is None else _agree_path(known, now, exchange, ice, mid)
        encrypted = replace(
            now, association=association, encryption=MediaEncryption.DTLS_SRTP, sdes=None
        )
        return encrypted if known is not None else _with_remote_ice(encrypted, ice)
    agreed = with_both_halves(known, _agree_path(known, now, exchange, ice, mid), remote, role)
    if isinstance(ice, WithoutIce):
        return agreed
    is_new_generation = agreed.local != known.local
    if is_new_generation and is_new_peer(session.current_remote, exchange.remote, known, agreed):
        # What was agreed with the former one is not known to it (RFC 8445 section 6.1.1).
        offered_by_us = exchange.answerer is Side.REMOTE
        controls = offered_by_us or ice.lite
        agreed = replace(agreed, ice_role=IceRole.CONTROLLING if controls else IceRole.CONTROLLED)
    return agreed


def _agreed_unencrypted(
    session: Session,
    exchange: AnsweredOffer,
    now: TransportState,
    ice: IceParameters | WithoutIce,
    mid: str,
) -> TransportState | None:
    """Agree on plain RTP (RFC 8643 section 3.3), or give None where a provisional answer did."""
    known = session.stable_transport(now.key)
    if exchange.provisional is not None:
        _check_same_generation(exchange.provisional, ice, mid)
    if known is not None:
        return _agree_path(known, now, exchange, ice, mid)
    if now.agreed:
        return None
    return _with_remote_ice(replace(now, encryption=MediaEncryption.NONE), ice)


def _agreed_by_sdes(
    session: Session,
    exchange: AnsweredOffer,
    now: TransportState,
    ice: IceParameters | WithoutIce,
    theirs: MediaSection,
) -> TransportState | None:
    """Agree on the keys of SDES, or give None where a provisional answer did.

    Raises:
        DescriptionError: The offer has no such keys, or the answer takes none of them.
    """
    known, mid = session.stable_transport(now.key), theirs.mid or ""
    offered_by_us = exchange.answerer is Side.REMOTE
    if now.sdes is None:
        raise DescriptionError("the answer has a=crypto where the offer has none", mid=mid)
    cryptos = cryptos_of(exchange.remote, theirs)
    terms = agreed_terms(now.sdes, cryptos, offered_by_us=offered_by_us, mid=mid)
    if exchange.provisional is not None:
        _check_same_generation(exchange.provisional, ice, mid)
    if known is not None:
        return replace(_agree_path(known, now, exchange, ice, mid), sdes=terms)
    if now.agreed:
        if terms.keys != now.sdes.keys:
            raise ModificationError(
                "the answer has another a=crypto than the provisional one before", mid=mid
            )
        return None
    return _with_remote_ice(replace(now, sdes=terms), ice)


def _peer_ice(
    now: TransportState, exchange: AnsweredOffer, offered: MediaSection, answered: MediaSection
) -> IceParameters | WithoutIce:
    """Give the peer's end of the path; a transport that began without ICE goes on without."""
    mux = offered.kind is None or (
        exchange.offer.multiplexes_rtcp(offered) and exchange.answer.multiplexes_rtcp(answered)
    )
    theirs = exchange.theirs(offered, answered)
    if now.without_ice is not None:
        return without_ice(exchange.remote, theirs, mux=mux)
    return peer_ice(exchange.remote, theirs, mux=mux)


def _check_again(
    provisional: Sdp, remote: RemoteIdentity, ice: IceParameters | WithoutIce, mid: str
) -> None:
    """Check that an answer after a provisional one is of the same peer: forking is left out."""
    # The group may begin with another m-section now; what spoke for the transport then, counts.
    section = provisional.section(provisional.bundled(mid)[0])
    if section is None or section.rejected:
        return
    _check_same_generation(provisional, ice, mid)
    if encryption_of(provisional, section) is not MediaEncryption.DTLS_SRTP:
        # Of a peer that had no keys then there is none to compare.
        return
    before = remote_identity(provisional, section)
    if set(before.fingerprints) != set(remote.fingerprints) or before.tls_id != remote.tls_id:
        raise ModificationError(
            "the answer is of another DTLS association than the provisional one before", mid=mid
        )


def _check_same_generation(provisional: Sdp, ice: IceParameters | WithoutIce, mid: str) -> None:
    section = provisional.section(provisional.bundled(mid)[0])
    if section is None or section.rejected:
        return
    former = peer_ice(provisional, section)
    if isinstance(former, IceParameters) is not isinstance(ice, IceParameters) or (
        isinstance(former, IceParameters)
        and isinstance(ice, IceParameters)
        and is_ice_restart(former, ice)
    ):
        raise ModificationError(
            "the answer is of another ICE generation than the provisional one before", mid=mid
        )


def _agree_path(
    known: TransportState,
    now: TransportState,
    exchange: AnsweredOffer,
    ice: IceParameters | WithoutIce,
    mid: str,
) -> TransportState:
    """Give the transport with the path that both halves speak of."""
    if isinstance(ice, WithoutIce):
        return replace(now, local=known.local, without_ice=ice)
    return _agree_ice(known, now, exchange, ice, mid)


def _agree_ice(
    known: TransportState,
    now: TransportState,
    exchange: AnsweredOffer,
    ice: IceParameters,
    mid: str,
) -> TransportState:
    """Give the transport in the ICE generation that both halves speak of."""
    offered, restarted = now.local != known.local, peer_restarts_ice(known, ice)
    if restarted and not offered:
        # RFC 8839 section 4.4.3.1: it is the offer that restarts ICE.
        raise ModificationError("the answer restarts ICE, which the offer did not", mid=mid)
    if restarted:
        return _with_remote_ice(replace(now, unanswered=None), ice)
    # RFC 8445 section 9 lets nobody keep the old ones. GStreamer does, and goes on as before;
    # baresip does, and follows.
    unanswered = now.local if offered else None
    if now.unanswered != known.unanswered:
        # A provisional answer has said so before.
        unanswered = now.unanswered
    return replace(now, local=known.local, remote_ice=known.remote_ice, unanswered=unanswered)


def _with_remote_ice(now: TransportState, ice: IceParameters | WithoutIce) -> TransportState:
    if isinstance(ice, WithoutIce):
        return replace(now, without_ice=ice)
    # RFC 8445 section 6.1.1: a full agent controls a lite one, whoever offered.
    role = IceRole.CONTROLLING if ice.lite else now.ice_role
    return replace(now, remote_ice=ice, ice_role=role)
