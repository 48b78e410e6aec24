"""Owns what an offer and its answer settle, whoever made which (RFC 9429 section 5.11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from peer.descriptions import SdpType
from peer.errors import DescriptionError, ModificationError
from peer.negotiation.codecs import common_codecs, common_extensions, described_codecs
from peer.negotiation.modification import Refuse, Reuse, assess
from peer.negotiation.roles import resolve
from peer.negotiation.session import (
    Agreement,
    RemoteTransport,
    Session,
    Transceiver,
    TransportState,
)
from peer.negotiation.state import Side
from peer.negotiation.validation import accepted_fingerprints, ice_parameters, offered_setup
from peer.rtp_parameters import HeaderExtension
from peer.states import IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.sdp import MediaSection, Sdp

#: RFC 8841 section 6.1: what a missing a=max-message-size means.
_DEFAULT_MAX_MESSAGE_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Exchange:
    """An offer with its answer, and who answered."""

    offer: Sdp
    answer: Sdp
    answerer: Side

    @property
    def remote(self) -> Sdp:
        """The peer's half."""
        return self.answer if self.answerer is Side.REMOTE else self.offer

    @property
    def pairs(self) -> Iterator[tuple[MediaSection, MediaSection]]:
        """The m-sections of both, side by side."""
        return zip(self.offer.media, self.answer.media, strict=True)


def settle(session: Session, exchange: Exchange, kind: SdpType) -> Session:
    """Apply an answer, provisional or final.

    Raises:
        DescriptionError: The two halves do not make a session.
    """
    session = session.with_routes(_bundled_routes(session, exchange))
    for offered, answered in exchange.pairs:
        rejected = offered.rejected or answered.rejected
        if rejected and kind is SdpType.ANSWER:
            session = _end_section(session, offered)
        elif not rejected:
            session = _settle_transport(session, exchange, offered, answered)
            session = _settle_section(session, exchange, offered, answered)
    return _without_idle_transports(session, exchange) if kind is SdpType.ANSWER else session


def _bundled_routes(session: Session, exchange: Exchange) -> Iterator[tuple[str, str]]:
    """RFC 8843 section 7.3: the group goes over the transport of its first accepted m-section."""
    for group in exchange.answer.bundle_groups:
        key = session.route(group.mids[0]) if group.mids else None
        if key is not None:
            yield from ((mid, key) for mid in group.mids)


def _settle_transport(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    key = session.route(offered.mid or "")
    transport = session.transport(key) if key is not None else None
    if transport is None:
        raise DescriptionError(
            "the answer accepts an m-section without a transport", mid=offered.mid
        )
    tag = _tag(exchange.answer, offered.mid or "")
    if tag != offered.mid and any(s.mid == tag and not s.rejected for s in exchange.answer.media):
        return session
    remote_section = answered if exchange.answerer is Side.REMOTE else offered
    remote = remote_transport(exchange.remote, remote_section)
    if transport.remote is not None:
        check_modification(transport.remote, remote, remote_section)
        return session
    role = resolve(
        offered_setup(exchange.offer, offered),
        exchange.answer.transport_setup(answered),
        offerer=exchange.answerer is Side.REMOTE,
        mid=offered.mid,
    )
    # RFC 8445 section 6.1.1: a full agent controls a lite one, whoever offered.
    ice_role = IceRole.CONTROLLING if remote.ice.lite else transport.ice_role
    return session.with_transport(replace(transport, remote=remote, role=role, ice_role=ice_role))


def remote_transport(sdp: Sdp, section: MediaSection) -> RemoteTransport:
    """The peer's end of a transport, from its m-section.

    Raises:
        DescriptionError: Credentials or fingerprints are missing.
    """
    return RemoteTransport(
        ice=ice_parameters(sdp, section),
        fingerprints=accepted_fingerprints(sdp, section),
        tls_id=sdp.transport_tls_id(section),
    )


def check_modification(
    before: RemoteTransport, after: RemoteTransport, section: MediaSection
) -> None:
    """Refuse what cannot be followed.

    Raises:
        ModificationError: The association would have to change in a way that we do not support.
    """
    verdict = assess(before, after)
    match verdict:
        case Reuse():
            return
        case Refuse(reason):
            raise ModificationError(reason, mid=section.mid)
    assert_never(verdict)


def _tag(answer: Sdp, mid: str) -> str:
    return next((g.mids[0] for g in answer.bundle_groups if mid in g.mids), mid)


def _settle_section(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    transceiver = session.transceiver_of(offered.mid)
    if transceiver is not None:
        settled = _settle_transceiver(transceiver, exchange, offered, answered)
        return session.with_transceiver(settled)
    if session.data is not None and session.data.mid == offered.mid:
        theirs = answered if exchange.answerer is Side.REMOTE else offered
        size = theirs.max_message_size
        data = replace(
            session.data,
            remote_port=theirs.sctp_port or 5000,
            remote_max_message_size=_DEFAULT_MAX_MESSAGE_SIZE if size is None else size,
        )
        return replace(session, data=data)
    return session


def _settle_transceiver(
    transceiver: Transceiver, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Transceiver:
    codecs = common_codecs(
        described_codecs(offered, transceiver.kind), described_codecs(answered, transceiver.kind)
    )
    if not any(not codec.is_rtx for codec in codecs):
        raise DescriptionError("the answer accepts none of the codecs offered", mid=offered.mid)
    extensions = common_extensions(_extensions(offered), _extensions(answered))
    # What both want, seen from our side; an answer may only narrow what was offered.
    answered_direction = exchange.answer.direction(answered)
    direction = answered_direction.intersect(exchange.offer.direction(offered).reversed)
    if exchange.answerer is Side.REMOTE:
        direction = direction.reversed
        theirs = answered
    else:
        theirs = offered
    ssrcs, rtx = _announced_ssrcs(theirs)
    return replace(
        transceiver,
        current_direction=direction,
        agreement=Agreement(codecs=codecs, extensions=extensions, ssrcs=ssrcs, rtx=rtx),
    )


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


def _end_section(session: Session, offered: MediaSection) -> Session:
    transceiver = session.transceiver_of(offered.mid)
    if transceiver is not None:
        return session.with_transceiver(ended(transceiver))
    if session.data is not None and session.data.mid == offered.mid:
        return replace(session, data=replace(session.data, remote_port=None))
    return session


def ended(transceiver: Transceiver) -> Transceiver:
    """The transceiver, stopped for good (webrtc-pc section 5.4)."""
    return replace(
        transceiver,
        stopping=True,
        stopped=True,
        mid=None,
        current_direction=None,
        receiving=False,
        agreement=None,
    )


def _without_idle_transports(session: Session, exchange: Exchange) -> Session:
    live = {offered.mid for offered, answered in exchange.pairs if not answered.rejected}
    routes = tuple((mid, key) for mid, key in session.routes if mid in live)
    used = {key for _, key in routes}
    transports: tuple[TransportState, ...] = tuple(t for t in session.transports if t.key in used)
    return replace(session, transports=transports, routes=routes)
