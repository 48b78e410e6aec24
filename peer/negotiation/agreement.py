"""Owns what an offer and its answer settle, whoever made which (RFC 9429 section 5.11).

Owns what an offer and its answer settle of a transport (RFC 9429 section 5.11, RFC 8842).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import DescriptionError, ModificationError
from peer.negotiation.association_change import Refuse, is_restart, judged_offer, restarts, settled
from peer.negotiation.codecs import described_codecs, media_first, shared_codecs
from peer.negotiation.roles import resolve
from peer.negotiation.sdp.attributes import Setup
from peer.negotiation.session import Agreement, Session, Transceiver
from peer.negotiation.signaling_state import Side
from peer.negotiation.transport_state import RemoteIdentity
from peer.negotiation.validation import (
    accepted_fingerprints,
    ice_parameters,
    is_supported,
    offered_setup,
)
from peer.rtp_parameters import HeaderExtension
from peer.states import DtlsRole, IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.ice_parameters import IceParameters
    from peer.negotiation.exchange import Exchange
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection
    from peer.negotiation.session import Session
    from peer.negotiation.transport_state import TransportState

#: RFC 8841 sections 5.2 and 6.1: what a missing a=sctp-port and a=max-message-size mean.
_DEFAULT_SCTP_PORT = 5000
_DEFAULT_MAX_MESSAGE_SIZE = 65536


def settle(session: Session, exchange: Exchange, kind: SdpType) -> Session:
    """Apply an answer, provisional or final.

    Raises:
        DescriptionError: The two halves do not make a session.
    """
    session = session.with_routes(bundled_routes(session, exchange))
    for offered, answered in exchange.accepted:
        session = settle_transport(session, exchange, offered, answered)
        session = _settle_section(session, exchange, offered, answered)
    return _without_dead(session, exchange) if kind is SdpType.ANSWER else session


def _settle_section(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    transceiver = session.transceiver_of(offered.mid)
    if transceiver is not None:
        settled = _settle_transceiver(transceiver, exchange, offered, answered)
        return session.with_transceiver(settled)
    if session.data is not None and session.data.mid == offered.mid:
        theirs = exchange.theirs(offered, answered)
        port, size = theirs.sctp_port, theirs.max_message_size
        data = replace(
            session.data,
            remote_port=_DEFAULT_SCTP_PORT if port is None else port,
            remote_max_message_size=_DEFAULT_MAX_MESSAGE_SIZE if size is None else size,
        )
        return replace(session, data=data)
    return session


def _settle_transceiver(
    transceiver: Transceiver, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Transceiver:
    theirs = exchange.theirs(offered, answered)
    ours = offered if theirs is answered else answered
    our_codecs = described_codecs(ours, transceiver.kind)
    their_codecs = described_codecs(theirs, transceiver.kind)
    send = media_first(shared_codecs(their_codecs, our_codecs))
    if not send:
        raise DescriptionError("the answer accepts none of the codecs offered", mid=offered.mid)
    offered_extensions = set(_extensions(offered))
    # What both want, seen from the answerer; an answer may only narrow what was offered.
    direction = exchange.answer.direction(answered).intersect(
        exchange.offer.direction(offered).reversed
    )
    if exchange.answerer is Side.REMOTE:
        direction = direction.reversed
    ssrcs, rtx = _announced_ssrcs(theirs)
    return replace(
        transceiver,
        current_direction=direction,
        has_sent=transceiver.has_sent or direction.sends,
        receiving=direction.receives and not transceiver.stopping,
        remote_streams=remote_streams(theirs),
        agreement=Agreement(
            send=send,
            receive=shared_codecs(our_codecs, their_codecs),
            extensions=tuple(e for e in _extensions(answered) if e in offered_extensions),
            ssrcs=ssrcs,
            rtx=rtx,
            rids=theirs.sent_rids,
        ),
    )


def remote_streams(section: MediaSection) -> tuple[str, ...]:
    """The ids of the MediaStreams that the peer's track belongs to (RFC 8830 section 2)."""
    return tuple(dict.fromkeys(msid.stream for msid in section.msids if msid.stream != "-"))


def _extensions(section: MediaSection) -> tuple[HeaderExtension, ...]:
    return tuple(HeaderExtension(item.id, item.uri) for item in section.extmaps)


def _announced_ssrcs(
    section: MediaSection,
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    rtx = tuple(
        (group.ssrcs[1], group.ssrcs[0])
        for group in section.ssrc_groups
        if group.semantics == "FID" and len(group.ssrcs) == 2
    )
    repairing = {pair[0] for pair in rtx}
    announced = dict.fromkeys(item.ssrc for item in section.ssrcs)
    return tuple(ssrc for ssrc in announced if ssrc not in repairing), rtx


def _without_dead(session: Session, exchange: Exchange) -> Session:
    """What has no m-section any more ends (webrtc-pc section 5.4), and transports with it."""
    live = {offered.mid for offered, _ in exchange.accepted}
    routes = {mid: key for mid, key in session.routes.items() if mid in live}
    used = set(routes.values())
    data = session.data
    return replace(
        session,
        transceivers=tuple(t for t in session.transceivers if t.mid is None or t.mid in live),
        data=None if data and data.mid is not None and data.mid not in live else data,
        transports=tuple(t for t in session.transports if t.key in used),
        routes=routes,
    )


def bundled_routes(session: Session, exchange: Exchange) -> Iterator[tuple[str, str]]:
    """RFC 9143 section 7.3: a group goes over the transport of its tagged m-section.

    Raises:
        ModificationError: It would take an m-section from a transport that is in use.
    """
    answer = exchange.answer
    for offered, _ in exchange.accepted:
        mid = offered.mid or ""
        shared, own = session.carrier(answer.bundled(mid)), session.carrier([mid])
        if shared is None or shared is own:
            continue
        if own is not None and own.connected:
            raise ModificationError(
                "moving an m-section to another transport is not supported yet", mid=mid
            )
        yield mid, shared.key


def settle_transport(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    """Settle the transport of an m-section, where that speaks for it.

    Raises:
        DescriptionError: The two halves do not make a transport.
    """
    mid = offered.mid or ""
    now = session.carrier([mid])
    if now is None:
        raise DescriptionError("the answer accepts an m-section without a transport", mid=mid)
    if exchange.answer.bundled(mid)[0] != mid:
        return session
    # RFC 5763 section 5 holds for every answer, where a role was settled before too.
    role = resolve(
        offered_setup(exchange.offer, offered),
        exchange.answer.transport_setup(answered),
        offerer=exchange.answerer is Side.REMOTE,
        mid=mid,
    )
    theirs = exchange.theirs(offered, answered)
    remote = remote_identity(exchange.remote, theirs)
    ice = ice_parameters(exchange.remote, theirs)
    if exchange.provisional is not None:
        _check_again(exchange.provisional, remote, ice, mid)
    known = session.settled_transport(now.key)
    if known is None and now.association.settled:
        return session
    if known is None:
        association = replace(now.association, remote=remote, role=role)
        now = replace(now, association=association)
        return session.with_transport(_with_remote_ice(now, ice))
    now = _settle_ice(known, now, exchange, ice, mid)
    return session.with_transport(settled(known, now, remote, role))


def check_offer(session: Session, offer: Sdp) -> None:
    """Refuse an offer that asks of a transport in use what cannot be followed.

    Raises:
        DescriptionError: It does.
    """
    for section in offer.media:
        if section.rejected or section.mid is None or not is_supported(section):
            continue
        bundle = offer.bundled(section.mid)
        shared = session.carrier(bundle)
        transport = session.carrier([section.mid]) or shared
        # RFC 9143 section 7.1.3: of those that share a transport the tagged m-section counts.
        counts = section.mid == bundle[0] or transport is not shared
        if not counts or transport is None or not transport.connected:
            continue
        remote, role = remote_identity(offer, section), role_left(offer, section)
        verdict = judged_offer(transport, remote, role)
        if isinstance(verdict, Refuse):
            raise ModificationError(verdict.reason, mid=section.mid)


def remote_identity(sdp: Sdp, section: MediaSection) -> RemoteIdentity:
    """Who the peer says it is, in an m-section.

    Raises:
        DescriptionError: Fingerprints are missing.
    """
    return RemoteIdentity(accepted_fingerprints(sdp, section), sdp.transport_tls_id(section))


def role_left(offer: Sdp, section: MediaSection) -> DtlsRole | None:
    """The DTLS role that an offer leaves to us, or None where we may choose."""
    match offered_setup(offer, section):
        case Setup.ACTIVE:
            return DtlsRole.SERVER
        case Setup.PASSIVE:
            return DtlsRole.CLIENT
        case _:
            return None


def _check_again(provisional: Sdp, remote: RemoteIdentity, ice: IceParameters, mid: str) -> None:
    """After a provisional answer another one is of the same peer: forking is left out."""
    section = provisional.section(mid)
    if section is None or section.rejected or provisional.bundled(mid)[0] != mid:
        return
    before = remote_identity(provisional, section)
    if set(before.fingerprints) != set(remote.fingerprints) or before.tls_id != remote.tls_id:
        raise ModificationError(
            "the answer is of another DTLS association than the provisional one before", mid=mid
        )
    if is_restart(ice_parameters(provisional, section), ice):
        raise ModificationError(
            "the answer is of another ICE generation than the provisional one before", mid=mid
        )


def _settle_ice(
    known: TransportState, now: TransportState, exchange: Exchange, ice: IceParameters, mid: str
) -> TransportState:
    """The transport, in the ICE generation that both halves speak of."""
    offered, restarted = now.local != known.local, restarts(known, ice)
    if restarted and not offered:
        # RFC 8839 section 4.4.3.1: it is the offer that restarts ICE.
        raise ModificationError("the answer restarts ICE, which the offer did not", mid=mid)
    if restarted:
        return _with_remote_ice(now, ice)
    # RFC 8445 section 9 lets nobody keep the old ones, but GStreamer does: it goes on as before.
    return replace(now, local=known.local, remote_ice=known.remote_ice)


def _with_remote_ice(now: TransportState, ice: IceParameters) -> TransportState:
    # RFC 8445 section 6.1.1: a full agent controls a lite one, whoever offered.
    role = IceRole.CONTROLLING if ice.lite else now.ice_role
    return replace(now, remote_ice=ice, ice_role=role)
