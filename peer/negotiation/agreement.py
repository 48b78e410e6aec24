"""Agreement between an offer and its answer: codecs, directions, transports (RFC 9429 5.11).

Either end may have made the offer. Media, data and transports are agreed m-section by m-section; a
BUNDLE group has the transport of its tagged m-section (RFC 9143 section 7.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import DescriptionError, ModificationError
from peer.negotiation.association_change import is_ice_restart, peer_restarts_ice, with_both_halves
from peer.negotiation.codecs import described_codecs, media_first, shared_codecs
from peer.negotiation.roles import resolve
from peer.negotiation.session import Agreement, Session, Transceiver
from peer.negotiation.signaling_state import Side
from peer.negotiation.validation import ice_parameters, offered_setup, remote_identity
from peer.rtp_parameters import HeaderExtension
from peer.states import IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.ice import IceParameters
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection
    from peer.negotiation.transport_state import RemoteIdentity, TransportState

#: SCTP port of an m-section without a=sctp-port (RFC 8841 section 5.2).
_DEFAULT_SCTP_PORT = 5000
#: Bytes of the largest message where a=max-message-size is missing (RFC 8841 section 6.1).
_DEFAULT_MAX_MESSAGE_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Exchange:
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


def agree(session: Session, exchange: Exchange, kind: SdpType) -> Session:
    """Apply an answer, provisional or final, to a session that has the offer.

    Raises:
        DescriptionError: The two halves do not make a session.
    """
    session = session.with_routes(_bundled_routes(session, exchange))
    for offered, answered in exchange.accepted:
        session = _agree_transport(session, exchange, offered, answered)
        session = _agree_section(session, exchange, offered, answered)
    return _without_rejected(session, exchange) if kind is SdpType.ANSWER else session


def _agree_section(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    transceiver = session.transceiver_of(offered.mid)
    if transceiver is not None:
        agreed = _agree_transceiver(transceiver, exchange, offered, answered)
        return session.with_transceiver(agreed)
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


def _agree_transceiver(
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
    # Seen from the answerer; an answer may only narrow what was offered.
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
    """Read the ids of the MediaStreams of the peer's track (RFC 8830 section 2)."""
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


def _without_rejected(session: Session, exchange: Exchange) -> Session:
    """End what has no m-section any more (webrtc-pc section 5.4), and its transports."""
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


def _bundled_routes(session: Session, exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Route a BUNDLE group over the transport of its tagged m-section (RFC 9143 section 7.3).

    Raises:
        ModificationError: It would take an m-section from a transport that is in use.
    """
    answer = exchange.answer
    for offered, _ in exchange.accepted:
        mid = offered.mid or ""
        shared, own = session.carrier(answer.bundled(mid)), session.carrier([mid])
        if shared is None or shared is own:
            continue
        if own is not None and own.agreed:
            raise ModificationError(
                "moving an m-section to another transport is not supported yet", mid=mid
            )
        yield mid, shared.key


def _agree_transport(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    """Agree on the transport of an m-section, where the m-section speaks for it.

    Raises:
        DescriptionError: The two halves do not make a transport.
    """
    mid = offered.mid or ""
    now = session.carrier([mid])
    if now is None:
        raise DescriptionError("the answer accepts an m-section without a transport", mid=mid)
    if exchange.answer.bundled(mid)[0] != mid:
        return session
    # RFC 5763 section 5 holds for every answer, where a role was agreed before too.
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
    known = session.stable_transport(now.key)
    if known is None and now.association.agreed:
        return session
    if known is None:
        association = replace(now.association, remote=remote, role=role)
        now = replace(now, association=association)
        return session.with_transport(_with_remote_ice(now, ice))
    now = _agree_ice(known, now, exchange, ice, mid)
    return session.with_transport(with_both_halves(known, now, remote, role))


def _check_again(provisional: Sdp, remote: RemoteIdentity, ice: IceParameters, mid: str) -> None:
    """Check that an answer after a provisional one is of the same peer: forking is left out."""
    section = provisional.section(mid)
    if section is None or section.rejected or provisional.bundled(mid)[0] != mid:
        return
    before = remote_identity(provisional, section)
    if set(before.fingerprints) != set(remote.fingerprints) or before.tls_id != remote.tls_id:
        raise ModificationError(
            "the answer is of another DTLS association than the provisional one before", mid=mid
        )
    if is_ice_restart(ice_parameters(provisional, section), ice):
        raise ModificationError(
            "the answer is of another ICE generation than the provisional one before", mid=mid
        )


def _agree_ice(
    known: TransportState, now: TransportState, exchange: Exchange, ice: IceParameters, mid: str
) -> TransportState:
    """Give the transport in the ICE generation that both halves speak of."""
    offered, restarted = now.local != known.local, peer_restarts_ice(known, ice)
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
