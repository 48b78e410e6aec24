"""Owns what an offer and its answer settle, whoever made which (RFC 9429 section 5.11)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import DescriptionError
from peer.negotiation.codecs import described_codecs, media_first, shared_codecs
from peer.negotiation.session import Agreement, Session, Transceiver
from peer.negotiation.settling_transports import bundled_routes, settle_transport
from peer.negotiation.state import Side
from peer.rtp_parameters import HeaderExtension

if TYPE_CHECKING:
    from peer.negotiation.exchange import Exchange
    from peer.negotiation.sdp import MediaSection

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
