"""Owns what an offer and its answer settle, whoever made which (RFC 9429 section 5.11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from peer.descriptions import SdpType
from peer.errors import DescriptionError, ModificationError
from peer.negotiation.codecs import described_codecs, shared_codecs
from peer.negotiation.modification import Refuse, Reuse, assess
from peer.negotiation.roles import resolve
from peer.negotiation.session import (
    Agreement,
    RemoteTransport,
    Session,
    Transceiver,
)
from peer.negotiation.state import Side
from peer.negotiation.validation import accepted_fingerprints, ice_parameters, offered_setup
from peer.rtp_parameters import HeaderExtension
from peer.states import IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.sdp import MediaSection, Sdp

#: RFC 8841 sections 5.2 and 6.1: what a missing a=sctp-port and a=max-message-size mean.
_DEFAULT_SCTP_PORT = 5000
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
    def accepted(self) -> Iterator[tuple[MediaSection, MediaSection]]:
        """The m-sections that live on, offered and answered side by side."""
        for offered, answered in zip(self.offer.media, self.answer.media, strict=True):
            if not (offered.rejected or answered.rejected):
                yield offered, answered

    def theirs(self, offered: MediaSection, answered: MediaSection) -> MediaSection:
        """The peer's half of an m-section."""
        return answered if self.answerer is Side.REMOTE else offered


def settle(session: Session, exchange: Exchange, kind: SdpType) -> Session:
    """Apply an answer, provisional or final.

    Raises:
        DescriptionError: The two halves do not make a session.
    """
    session = session.with_routes(_bundled_routes(session, exchange))
    for offered, answered in exchange.accepted:
        session = _settle_transport(session, exchange, offered, answered)
        session = _settle_section(session, exchange, offered, answered)
    return _without_dead(session, exchange) if kind is SdpType.ANSWER else session


def _bundled_routes(session: Session, exchange: Exchange) -> Iterator[tuple[str, str]]:
    """RFC 9143 section 7.3: a group goes over the transport of its tagged m-section."""
    answer = exchange.answer
    for offered, _ in exchange.accepted:
        mid = offered.mid or ""
        shared, own = session.carrier(answer.bundled(mid)), session.carrier([mid])
        if shared is None or shared is own:
            continue
        if own is not None and own.remote is not None:
            raise ModificationError(
                "moving an m-section to another transport is not supported yet", mid=mid
            )
        yield mid, shared.key


def _settle_transport(
    session: Session, exchange: Exchange, offered: MediaSection, answered: MediaSection
) -> Session:
    mid = offered.mid or ""
    transport = session.carrier([mid])
    if transport is None:
        raise DescriptionError("the answer accepts an m-section without a transport", mid=mid)
    if exchange.answer.bundled(mid)[0] != mid:
        return session
    # RFC 5763 section 5 holds for every answer; the role counts where there is none yet.
    role = resolve(
        offered_setup(exchange.offer, offered),
        exchange.answer.transport_setup(answered),
        offerer=exchange.answerer is Side.REMOTE,
        mid=mid,
    )
    if transport.remote is None:
        remote = remote_transport(exchange.remote, exchange.theirs(offered, answered))
        # RFC 8445 section 6.1.1: a full agent controls a lite one, whoever offered.
        ice_role = IceRole.CONTROLLING if remote.ice.lite else transport.ice_role
        settled = replace(transport, remote=remote, role=role, ice_role=ice_role)
        return session.with_transport(settled)
    if exchange.answerer is Side.REMOTE:
        remote = remote_transport(exchange.answer, answered)
        check_modification(transport.remote, remote, answered)
    return session


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
    send = shared_codecs(their_codecs, our_codecs)
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
