"""createAnswer makes an answer of the session and the peer's offer (RFC 9429 section 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType
from peer.negotiation import sdp_writer as writing
from peer.negotiation.association import answer_setup, is_new_session, with_our_answer
from peer.negotiation.codecs import (
    described_codecs,
    described_direction,
    media_first,
    taken_codecs,
)
from peer.negotiation.created_description import CreatedDescription
from peer.negotiation.header_extensions import answered_extensions, sends_rids
from peer.negotiation.keying import encryption_of
from peer.negotiation.sdes import answered_terms, chosen_crypto
from peer.negotiation.sdp.attributes import SPED_OPTIONS
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import Reuse
from peer.negotiation.simulcast import accepted_streams, answered_layers
from peer.negotiation.validation import is_supported, offered_setup, peer_ice, remote_identity
from peer.negotiation.without_ice import has_ice
from peer.states import IceRole, MediaEncryption
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from peer.negotiation.profile import Profile
    from peer.negotiation.sdes import SdesTerms
    from peer.negotiation.sdp.attributes import ExtMap
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import Session, TransportState
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True)
class _Answering:
    """The inputs of one answer, and what they come to for each m-section.

    Args:
        session: The session that has the offer.
        profile: The fixed facts of our end.
        offer: The peer's offer.
        codecs: Codecs for each mid.
        welcome: Mids that our BUNDLE policy lets have the transport that they ask for.
    """

    session: Session
    profile: Profile
    offer: Sdp
    codecs: Mapping[str, tuple[Codec, ...]]
    welcome: frozenset[str]


def create_answer(
    session: Session, profile: Profile, offer: Sdp, version: int
) -> CreatedDescription:
    """Make an answer to an offer, which changes the session only when it is set."""
    codecs = {s.mid: _codecs(session, profile, offer, s) for s in offer.media if s.mid is not None}
    answering = _Answering(session, profile, offer, codecs, _welcome(profile.bundle_policy, offer))
    accepted = [s.mid for s in offer.media if s.mid is not None and _acceptable(answering, s)]
    taken = frozenset(accepted)
    bundles = [_members(session, group.mids, taken) for group in offer.bundle_groups]
    carriers = _carriers(answering, accepted, bundles)
    extensions = _extensions(answering, carriers)
    media = [
        _accepted(answering, section, carriers[section.mid], extensions.get(section.mid, ()))
        if section.mid in carriers
        else writing.rejected_section(section)
        for section in offer.media
    ]
    # RFC 9143 section 7.3.2: what is connected already stays where it is, out of the group.
    shared = [[mid for mid in mids if carriers[mid] is carriers[mids[0]]] for mids in bundles]
    return CreatedDescription(
        type=SdpType.ANSWER,
        sdp=writing.description(session, version, media, shared),
        base=session,
        transports=tuple({t.key: t for t in carriers.values()}.values()),
        routes=tuple((mid, transport.key) for mid, transport in carriers.items()),
        fingerprints=session.fingerprints,
    )


def _codecs(
    session: Session, profile: Profile, offer: Sdp, section: MediaSection
) -> tuple[Codec, ...]:
    transceiver = session.transceiver_of(section.mid)
    if transceiver is None or section.kind is None:
        return ()
    return taken_codecs(
        profile.capabilities[section.kind],
        transceiver.direction.intersect(offer.direction(section).reversed),
        transceiver.preferences,
        described_codecs(section, section.kind),
    )


def _acceptable(answering: _Answering, section: MediaSection) -> bool:
    """Each m-section stands for itself: one that we cannot take does not fail the others.

    RFC 9429 section 5.3.1 would have the whole group go with its tag; but the other m-sections work
    without it (RFC 8843 section 7.3.1), and all browsers take them. One whose transceiver is
    stopping is still answered, as `inactive`: our next offer takes it away (webrtc-pc section 5.4).
    """
    session, offer = answering.session, answering.offer
    if section.rejected or not is_supported(section):
        return False
    if section.mid not in answering.welcome:
        return False
    # RFC 9143 section 6: outside of a group it has no address.
    if section.bundle_only and not any(section.mid in g.mids for g in offer.bundle_groups):
        return False
    if section.kind is None:
        return session.data is not None and session.data.mid == section.mid
    return bool(section.mid and media_first(answering.codecs[section.mid]))


def _welcome(policy: BundlePolicy, offer: Sdp) -> frozenset[str]:
    """List the mids that our BUNDLE policy lets have the transport that they ask for."""
    live = [s for s in offer.media if s.mid is not None and not s.rejected]
    match policy:
        case BundlePolicy.MAX_COMPAT:
            return frozenset(s.mid for s in live if s.mid is not None)
        case BundlePolicy.MAX_BUNDLE:
            return frozenset(offer.bundled(live[0].mid or "")) if live else frozenset()
        case BundlePolicy.BALANCED:
            # The first of each media has a transport; others of that media have to share it.
            firsts: dict[str, MediaSection] = {}
            for section in live:
                firsts.setdefault(section.media_line.media, section)
            bundles = {m: frozenset(offer.bundled(s.mid or "")) for m, s in firsts.items()}
            named = [s for s in live if s.mid in bundles[s.media_line.media]]
            return frozenset(s.mid for s in named if s.mid is not None)
    assert_never(policy)


def _extensions(
    answering: _Answering, carriers: Mapping[str, TransportState]
) -> dict[str, tuple[ExtMap, ...]]:
    """Choose the header extensions of each m-section, by mid.

    An id has one meaning in all m-sections of a transport (RFC 9143 section 9.3, RFC 8859 section
    5.7): where the offer gives it two, the first m-section has it, and one that is agreed already
    goes first. Else the audio level of one stream would be read as the MID of another.
    """
    session, offer = answering.session, answering.offer
    chosen: dict[str, tuple[ExtMap, ...]] = {}
    meanings: dict[str, dict[int, str]] = {}
    sections = [s for s in offer.media if s.mid in carriers]
    agreed = {t.mid for t in session.transceivers if t.agreement is not None}
    for section in sorted(sections, key=lambda s: s.mid not in agreed):
        transceiver = session.transceiver_of(section.mid)
        if transceiver is None or section.mid is None:
            continue
        ours = answering.profile.capabilities[transceiver.kind].extensions
        uris = meanings.setdefault(carriers[section.mid].key, {})
        common = [
            extension
            for extension in answered_extensions(
                transceiver.extension_wishes, ours, section.extmaps
            )
            if uris.get(extension.id, extension.uri) == extension.uri
        ]
        uris.update({extension.id: extension.uri for extension in common})
        chosen[section.mid] = tuple(common)
    return chosen


def _members(session: Session, mids: Sequence[str], accepted: Collection[str]) -> list[str]:
    """Keep the accepted members of a BUNDLE group, the tag first."""
    provisional = session.pending_local.sdp.bundle_groups if session.pending_local else ()
    tags = {group.mids[0] for group in provisional}
    # The tag of a provisional answer stays, as its transport may be connected.
    return sorted((mid for mid in mids if mid in accepted), key=lambda mid: mid not in tags)


def _carriers(
    answering: _Answering, accepted: list[str], bundles: list[list[str]]
) -> dict[str, TransportState]:
    """Give each accepted m-section its transport: the one it has, its group's, or a new one."""
    session = answering.session
    known: dict[str, TransportState] = {}
    made: dict[str, TransportState] = {}
    carriers: dict[str, TransportState] = {}
    groups = {mid: mids for mids in reversed(bundles) for mid in mids}
    for mid in accepted:
        group = groups.get(mid, [mid])
        # The group stays on its transport even where we refuse the m-section that it began with.
        transport = _carrier(answering, mid)
        if transport is not None:
            if transport.key not in known:
                # RFC 9143 section 7.1.3: the tagged m-section counts where they share a transport.
                shared = _carrier(answering, group[0]) is transport
                counts = group[0] if shared else mid
                known[transport.key] = _described(answering, counts, transport)
            carriers[mid] = known[transport.key]
            continue
        if group[0] not in made:
            made[group[0]] = answering.profile.new_transport(
                group[0],
                IceRole.CONTROLLED,
                session.transport_keys,
                session.fingerprints,
                sdes=_sdes_terms(answering, group[0]),
            )
        carriers[mid] = made[group[0]]
    return carriers


def _carrier(answering: _Answering, mid: str) -> TransportState | None:
    return answering.session.carrier((mid, *answering.offer.bundled(mid)))


def _described(answering: _Answering, mid: str, now: TransportState) -> TransportState:
    """Give a transport that exists as our answer describes it, by the m-section that counts."""
    known = answering.session.stable_transport(now.key)
    section = answering.offer.section(mid)
    if known is None or section is None:
        return now
    described = with_our_answer(
        known,
        now,
        answering.profile.random,
        # A transport without DTLS has no association that the offer could say something of.
        verdict=answering.session.offer_verdicts[mid] if known.uses_dtls else Reuse(),
        remote=remote_identity(answering.offer, section) if known.uses_dtls else None,
        remote_ice=peer_ice(answering.offer, section),
    )
    if (terms := _sdes_terms(answering, mid, known)) is not None:
        described = replace(described, sdes=terms)
    return described


def _sdes_terms(
    answering: _Answering, mid: str, known: TransportState | None = None
) -> SdesTerms | None:
    """Make our keys for the m-section that speaks for a transport; None where it has no SDES."""
    offer, sdes, before = answering.offer, answering.profile.sdes, answering.session.current_remote
    section = offer.section(mid)
    if sdes is None or section is None:
        return None
    if encryption_of(offer, section) is not MediaEncryption.SDES_SRTP:
        return None
    chosen = chosen_crypto(offer, section, sdes.suites)
    if chosen is None:
        raise AssertionError("an m-section without a key that can be used is rejected before")
    terms = None if known is None else known.sdes
    is_new_peer = (
        terms is not None
        and terms.keys is not None
        and before is not None
        and is_new_session(before.sdp, offer)
        and terms.keys.theirs != chosen.key
    )
    return answered_terms(chosen, answering.profile.random, terms, is_new_peer=is_new_peer)


def _accepted(
    answering: _Answering,
    section: MediaSection,
    transport: TransportState,
    extensions: Sequence[ExtMap],
) -> MediaSection:
    offer, profile = answering.offer, answering.profile
    mid = section.mid or ""
    # RFC 8839 section 4.2.3: ICE is not in the answer to an offer that has none.
    uses_ice = transport.without_ice is None and has_ice(offer, section)
    # Of the names for DTLS in checks, those that were offered.
    offered = offer.transport_ice_options(section) if profile.dtls_in_stun else ()
    options = [tag for tag in SPED_OPTIONS if tag in offered]
    lines = writing.ice_lines(transport, options) if uses_ice else ()
    if section.has("ice-mismatch"):
        lines = (*lines, Line.attribute("ice-mismatch"))
    encryption = encryption_of(offer, section)
    if encryption is MediaEncryption.SDES_SRTP and transport.sdes is not None:
        lines += transport.sdes.lines
    if encryption is MediaEncryption.DTLS_SRTP:
        setup = answer_setup(
            offered_setup(offer, section), profile.answer_role, transport.role, mid=mid
        )
        # RFC 8842 section 5.3: no tls-id in the answer to an offer that has none.
        identified = offer.transport_tls_id(section) is not None
        lines += writing.dtls_lines(transport, setup, identified=identified)
    protocol = section.media_line.protocol
    transceiver = answering.session.transceiver_of(mid)
    if transceiver is None:
        return writing.data_section(
            profile,
            mid=mid,
            transport=lines,
            protocol=protocol,
            old_form=section.has("sctpmap"),
        )
    capabilities, codecs = profile.capabilities[transceiver.kind], answering.codecs[mid]
    ours = described_direction(capabilities, transceiver.direction, transceiver.preferences, codecs)
    direction = ours.intersect(offer.direction(section).reversed)
    answered = writing.rtp_section(
        transceiver,
        mid=mid,
        direction=direction,
        simulcast=accepted_streams(section, codecs, extensions)
        if direction.receives and section.has("simulcast")
        else (),
        layers=answered_layers(transceiver, section)
        if direction.sends and sends_rids(extensions)
        else (),
        codecs=codecs,
        extensions=extensions,
        transport=lines,
        reduced_size=section.has("rtcp-rsize"),
        mux=offer.multiplexes_rtcp(section) and transport.shares_port,
        protocol=protocol,
        cname=profile.cname,
    )
    # RFC 5939 section 3.6.2: the configuration in which `with_secure_configurations` has read it.
    return answered.with_lines(*section.attributes("acfg"))
