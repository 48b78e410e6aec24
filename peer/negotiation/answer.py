"""Owns createAnswer: the peer's offer and the wishes in, an answer out (RFC 9429 section 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation import writing
from peer.negotiation.codecs import (
    common_codecs,
    common_extensions,
    described_codecs,
    preferred,
)
from peer.negotiation.created import Created
from peer.negotiation.roles import answer_setup
from peer.negotiation.validation import is_supported, offered_setup
from peer.rtp_parameters import Codec, HeaderExtension
from peer.states import IceRole

if TYPE_CHECKING:
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp import Line, MediaSection, Sdp
    from peer.negotiation.session import Session, Transceiver, TransportState


@dataclass(frozen=True, slots=True)
class _Answering:
    """The inputs, and the m-sections that we can accept with the codecs for each."""

    session: Session
    profile: Profile
    offer: Sdp
    codecs: dict[str, tuple[Codec, ...]]
    accepted: tuple[MediaSection, ...]


def create_answer(session: Session, profile: Profile, offer: Sdp) -> Created:
    """Make an answer. Nothing changes until it is set."""
    codecs = {s.mid or "": _codecs(session, profile, s) for s in offer.media}
    accepted = tuple(s for s in offer.media if _acceptable(session, s, codecs[s.mid or ""]))
    answering = _Answering(session, profile, offer, codecs, accepted)
    transports, routes = _transports(answering)
    live = {section.mid for section in accepted}
    media = [
        _accepted(answering, section, transports[routes[section.mid or ""]])
        if section.mid in live
        else writing.rejected_section(section)
        for section in offer.media
    ]
    bundle = [mid for group in offer.bundle_groups[:1] for mid in group.mids if mid in live]
    return Created(
        type=SdpType.ANSWER,
        sdp=writing.description(session, media, bundle),
        transports=tuple(transports.values()),
        routes=tuple(routes.items()),
    )


def _codecs(session: Session, profile: Profile, section: MediaSection) -> tuple[Codec, ...]:
    transceiver = session.transceiver_of(section.mid)
    if transceiver is None or section.kind is None:
        return ()
    ours = preferred(profile.capabilities[section.kind].codecs, transceiver.preferences)
    theirs = described_codecs(section, section.kind)
    common = common_codecs(ours, theirs)
    if not transceiver.preferences:
        return common
    # webrtc-pc section 5.4: our preferences, where there are any, set the order of the answer.
    return preferred(common, transceiver.preferences)


def _acceptable(session: Session, section: MediaSection, codecs: tuple[Codec, ...]) -> bool:
    """Each m-section stands for itself: one that we cannot take does not fail the others."""
    if section.rejected or not is_supported(section):
        return False
    if section.kind is None:
        return session.data is not None and session.data.mid == section.mid
    transceiver = session.transceiver_of(section.mid)
    if transceiver is None or transceiver.stopping:
        return False
    return any(not codec.is_rtx for codec in codecs)


def _transports(
    answering: _Answering,
) -> tuple[dict[str, TransportState], dict[str, str]]:
    session, profile = answering.session, answering.profile
    transports: dict[str, TransportState] = {}
    routes: dict[str, str] = {}
    live = {section.mid for section in answering.accepted}
    grouped = [mid for g in answering.offer.bundle_groups[:1] for mid in g.mids if mid in live]
    for section in answering.accepted:
        mid = section.mid or ""
        members = grouped if mid in grouped else [mid]
        known = (session.route(member) for member in members)
        existing = next((t for k in known if k is not None and (t := session.transport(k))), None)
        key = existing.key if existing is not None else members[0]
        if key not in transports:
            transports[key] = existing or profile.new_transport(key, IceRole.CONTROLLED)
        routes[mid] = key
    return transports, routes


def _accepted(
    answering: _Answering, section: MediaSection, transport: TransportState
) -> MediaSection:
    mid, profile, line = section.mid or "", answering.profile, section.media_line
    setup = answer_setup(
        offered_setup(answering.offer, section), profile.answer_role, transport.role, mid=mid
    )
    lines: tuple[Line, ...] = writing.transport_lines(profile, transport, setup)
    transceiver = answering.session.transceiver_of(mid)
    if transceiver is None:
        return writing.data_section(profile, mid=mid, transport=lines, protocol=line.protocol)
    return _rtp(answering, section, transceiver, lines)


def _rtp(
    answering: _Answering,
    section: MediaSection,
    transceiver: Transceiver,
    transport: tuple[Line, ...],
) -> MediaSection:
    profile = answering.profile
    offered = [HeaderExtension(item.id, item.uri) for item in section.extmaps]
    return writing.rtp_section(
        transceiver,
        mid=section.mid or "",
        direction=transceiver.direction.intersect(answering.offer.direction(section).reversed),
        codecs=answering.codecs[section.mid or ""],
        extensions=common_extensions(profile.capabilities[transceiver.kind].extensions, offered),
        transport=transport,
        protocol=section.media_line.protocol,
        cname=profile.cname,
    )
