"""Checks of the peer's descriptions: what must be true before anything is done with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import (
    DescriptionError,
    FingerprintError,
    ModificationError,
    SdpLimitError,
    SetupError,
)
from peer.ice import IceParameters, WithoutIce
from peer.identity.fingerprints import WEAK_HASHES, Fingerprint, HashFunction
from peer.negotiation.association import judge_offer, role_left
from peer.negotiation.keying import lacks_usable_key, needs_fingerprint
from peer.negotiation.sdp.attributes import SPED_OPTIONS, Setup
from peer.negotiation.session import Refuse, RemoteIdentity
from peer.negotiation.without_ice import (
    has_ice,
    lacks_usable_ice,
    lacks_usable_mux,
    without_ice,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import OfferVerdict, Session

#: Protocols of an RTP m-section that mean DTLS-SRTP (RFC 9429 section 5.1.2: accept all of them).
RTP_PROTOCOLS = frozenset(
    {
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVPF",
        "TCP/DTLS/RTP/SAVP",
        "RTP/SAVPF",
        "RTP/SAVP",
        "RTP/AVPF",
        "RTP/AVP",
    }
)
#: Protocols of an m-section of data channels (RFC 8841 section 4.2).
DATA_PROTOCOLS = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"})


#: Payload types that look like packet types of RTCP with the marker bit (RFC 5761 section 4).
_RTCP_LOOKALIKES = range(64, 96)
#: First id that only waits for one that fits a header (RFC 8285 section 7).
_PROVISIONAL_IDS = 4096


def check_description(sdp: Sdp, profile: Profile) -> None:
    """Check what every remote offer and answer needs.

    Raises:
        DescriptionError: Something is missing or contradicts itself.
    """
    _check_groups(sdp)
    for section in sdp.media:
        if section.mid is None and not section.rejected:
            raise DescriptionError(f"the m-section {section.media_line} has no a=mid")
        if len(section.candidates) > profile.max_candidates:
            raise SdpLimitError(
                f"an m-section has more than {profile.max_candidates} candidates", mid=section.mid
            )
        if section.rejected or not is_supported(section):
            continue
        if lacks_usable_ice(sdp, section, profile):
            ice_parameters(sdp, section)
        shares_port = section.kind is None or sdp.multiplexes_rtcp(section)
        peer_ice(sdp, section, mux=shares_port)
        if needs_fingerprint(sdp, section, profile):
            accepted_fingerprints(sdp, section, profile.accepted_hashes)
        if (fault := lacks_usable_key(sdp, section, profile)) is not None:
            raise DescriptionError(fault, mid=section.mid)
        if lacks_usable_mux(sdp, section, profile):
            # RFC 9429 section 4.1.1: the policy is "require" unless the application says otherwise.
            raise DescriptionError("RTP and RTCP must share a port (a=rtcp-mux)", mid=section.mid)
        _check_payload_types(section)
        _check_extension_ids_once(section)
    _check_msids(sdp)


def _check_payload_types(section: MediaSection) -> None:
    """Check that no payload type looks like RTCP on a shared port (RFC 5761 section 4)."""
    if section.kind is None:
        return
    for text in section.media_line.formats:
        if int(text) in _RTCP_LOOKALIKES:
            raise DescriptionError(
                f"payload type {text} looks like RTCP on a port that they share: 64 to 95 do",
                line=section.lines[0].text,
                line_number=section.lines[0].number,
                mid=section.mid,
            )


def _check_extension_ids_once(section: MediaSection) -> None:
    """Check that each header extension id of an m-section has one meaning (RFC 8285 section 5)."""
    uris: dict[int, str] = {}
    for item, line in zip(section.extmaps, section.attributes("extmap"), strict=False):
        if uris.setdefault(item.id, item.uri) != item.uri:
            raise DescriptionError(
                f"header extension id {item.id} has two meanings",
                line=line.text,
                line_number=line.number,
                mid=section.mid,
            )


def _check_msids(sdp: Sdp) -> None:
    """Check that no two m-sections have the same stream and the same track (RFC 8830 section 2).

    The same stream alone is normal: audio and video of one camera.
    """
    seen: set[tuple[str, str]] = set()
    for section in sdp.media:
        if section.rejected:
            continue
        named = {(m.stream, m.track) for m in section.msids if m.track is not None}
        twice = seen & named
        if twice:
            stream, track = min(twice)
            raise DescriptionError(
                f"two m-sections have the stream {stream!r} and the track {track!r}",
                mid=section.mid,
            )
        seen |= named


def check_extension_ids(session: Session, sdp: Sdp) -> None:
    """Check that no agreed header extension id means something else than before.

    Packets on their way would be read by the new meaning: a MID as an audio level. An id that was
    offered and not accepted is free again (RFC 8285 section 7): Firefox gives it to another one.

    Raises:
        ModificationError: An id is given to another extension.
    """
    open_offer = None if session.pending_local is None else session.pending_local.sdp
    for before in (session.answer, open_offer):
        if before is None:
            continue
        for section in sdp.media:
            known = None if section.mid is None else before.section(section.mid)
            if section.rejected or known is None or known.rejected:
                continue
            if known.kind is not section.kind:
                continue
            uris = {item.id: item.uri for item in known.extmaps}
            for item in section.extmaps:
                if item.id < _PROVISIONAL_IDS and uris.get(item.id, item.uri) != item.uri:
                    raise ModificationError(
                        f"header extension id {item.id} was {uris[item.id]} and becomes {item.uri}",
                        mid=section.mid,
                    )


def check_answer(offer: Sdp, answer: Sdp) -> None:
    """Check that an answer answers this offer (RFC 3264 section 6, RFC 9143 section 7.3).

    Raises:
        DescriptionError: The m-sections are not those of the offer.
    """
    if len(answer.media) != len(offer.media):
        raise DescriptionError(
            f"the answer has {len(answer.media)} m-sections, the offer {len(offer.media)}"
        )
    bundled = {mid for group in answer.bundle_groups for mid in group.mids}
    for ours, theirs in zip(offer.media, answer.media, strict=True):
        # Some peers leave out the mid of what they reject.
        if ours.mid != theirs.mid and not (theirs.rejected and theirs.mid is None):
            raise DescriptionError(
                f"the answer's a=mid:{theirs.mid} stands where the offer has a=mid:{ours.mid}",
                mid=theirs.mid,
            )
        if ours.media_line.media != theirs.media_line.media:
            raise DescriptionError(
                f"the answer has {theirs.media_line.media} for the offer's {ours.media_line.media}",
                mid=theirs.mid,
            )
        if not theirs.rejected:
            _check_accepted(offer, answer, ours, theirs)
            # RFC 9143 section 6: it has no address of its own.
            if ours.bundle_only and ours.mid not in bundled:
                raise DescriptionError(
                    "the answer takes a bundle-only m-section by itself", mid=ours.mid
                )
    for group in answer.bundle_groups:
        offered = set(offer.bundled(group.mids[0] if group.mids else ""))
        extra = [mid for mid in group.mids if mid not in offered]
        if extra:
            raise DescriptionError(f"the answer bundles {extra[0]!r}, which the offer did not")


def _check_accepted(offer: Sdp, answer: Sdp, ours: MediaSection, theirs: MediaSection) -> None:
    if ours.rejected:
        raise DescriptionError("the answer accepts what was not offered", mid=theirs.mid)
    if not is_supported(theirs):
        raise DescriptionError(
            f"the answer has {theirs.media_line.protocol} for the offer's "
            f"{ours.media_line.protocol}",
            line=theirs.lines[0].text,
            line_number=theirs.lines[0].number,
            mid=theirs.mid,
        )
    offered = offer.direction(ours).reversed
    answered = answer.direction(theirs)
    if theirs.kind is not None and answered.intersect(offered) is not answered:
        # RFC 3264 section 6.1: an answer may only narrow what was offered.
        raise DescriptionError(
            f"the answer is {answered} where the offer is {offered.reversed}; "
            "SdpLeniency.WIDE_ANSWER would narrow it",
            mid=theirs.mid,
        )


def check_offer_layout(session: Session, offer: Sdp) -> None:
    """Check that a later offer keeps the m-sections that exist (RFC 3264 section 8).

    Raises:
        DescriptionError: An m-section is missing, or changed its place or kind.
    """
    # What the peer's pending offer had besides was never agreed on: this one replaces it.
    layout, recyclable = (session.stable or session).layout, session.recyclable_sections
    pending = session.pending_remote.sdp.media if session.pending_remote is not None else layout
    if len(offer.media) < len(layout):
        raise DescriptionError(
            f"the offer has {len(offer.media)} m-sections, the session {len(layout)}"
        )
    for index, (known, offered) in enumerate(zip(layout, offer.media, strict=False)):
        if known.rejected or index in recyclable:
            continue
        if pending[index].rejected and offered.mid != known.mid:
            # It was given up by the pending offer, and has a name of its own.
            continue
        if known.mid != offered.mid or known.media_line.media != offered.media_line.media:
            raise DescriptionError(
                f"the offer puts {offered.media_line.media} {offered.mid!r} in the place of "
                f"{known.media_line.media} {known.mid!r}",
                mid=offered.mid,
            )


def offer_verdicts(session: Session, offer: Sdp) -> dict[str, OfferVerdict]:
    """Judge what the peer's offer asks of each association in use, by mid.

    Args:
        session: The session; the transports count as they were before the exchange.
        offer: A checked offer.
    """
    verdicts: dict[str, OfferVerdict] = {}
    for section in offer.media:
        if section.rejected or section.mid is None or not is_supported(section):
            continue
        now = session.carrier((section.mid, *offer.bundled(section.mid)))
        known = None if now is None else session.stable_transport(now.key)
        if known is not None and known.uses_dtls:
            role = role_left(offered_setup(offer, section))
            verdicts[section.mid] = judge_offer(known, remote_identity(offer, section), role)
    return verdicts


def check_verdicts(session: Session, offer: Sdp, verdicts: Mapping[str, OfferVerdict]) -> None:
    """Check that an offer asks of no association what cannot be followed.

    Raises:
        ModificationError: The offer does.
    """
    _check_shared_transports(session, offer, verdicts)
    for mid, verdict in verdicts.items():
        if not isinstance(verdict, Refuse):
            continue
        bundle = offer.bundled(mid)
        # RFC 9143 section 7.1.3: of those that share a transport the tagged m-section counts.
        if mid == bundle[0] or session.carrier([mid]) not in (None, session.carrier(bundle)):
            raise ModificationError(verdict.reason, mid=mid)


def _check_shared_transports(session: Session, offer: Sdp, mids: Iterable[str]) -> None:
    """Check that m-sections that go on sharing a transport agree on its ICE and DTLS attributes.

    An offer may leave a BUNDLE group out without moving its m-sections to transports of their own;
    if they contradict each other then, there is no answer to it, and which certificate to trust
    would be a question of their order.
    """
    credentials: dict[str, IceParameters | WithoutIce] = {}
    ends: dict[str, tuple[RemoteIdentity, Setup]] = {}
    for mid in mids:
        bundle = offer.bundled(mid)
        transport = session.carrier((mid, *bundle))
        # Where the group is on another transport, the m-section stays on its own and speaks for it.
        speaks = offer.section(bundle[0] if session.carrier(bundle) is transport else mid)
        if transport is None or speaks is None:
            continue
        found = peer_ice(offer, speaks)
        if credentials.setdefault(transport.key, found) != found:
            raise ModificationError(
                "the offer gives m-sections of one transport different ICE credentials", mid=mid
            )
        end = remote_identity(offer, speaks), offered_setup(offer, speaks)
        if ends.setdefault(transport.key, end) != end:
            raise ModificationError(
                "the offer gives m-sections of one transport different DTLS attributes", mid=mid
            )


def is_supported(section: MediaSection) -> bool:
    """Tell whether we know this kind of m-section; another one is rejected by itself."""
    line = section.media_line
    if section.kind is not None:
        return line.protocol in RTP_PROTOCOLS
    return (
        line.media == "application"
        and line.protocol in DATA_PROTOCOLS
        and line.formats == ("webrtc-datachannel",)
    )


def peer_ice(sdp: Sdp, section: MediaSection, *, mux: bool = True) -> IceParameters | WithoutIce:
    """Read the peer's end of a path: its ICE credentials, or where it receives without ICE.

    Whether the latter is accepted is for `check_description` to say.

    Args:
        sdp: The description.
        section: The m-section that speaks for the transport.
        mux: Whether RTCP shares the port of RTP.

    Raises:
        DescriptionError: It is malformed, or half of it is missing.
    """
    return (
        ice_parameters(sdp, section)
        if has_ice(sdp, section)
        else without_ice(sdp, section, mux=mux)
    )


def ice_parameters(sdp: Sdp, section: MediaSection) -> IceParameters:
    """Read the peer's ICE credentials for an m-section.

    Raises:
        DescriptionError: They are missing, or not of the form of RFC 8839 section 5.4.
    """
    ufrag, password = sdp.transport_ice(section)
    if ufrag is None or password is None:
        missing = "a=ice-ufrag" if ufrag is None else "a=ice-pwd"
        raise DescriptionError(f"the m-section has no {missing}", mid=section.mid)
    try:
        takes_dtls = not set(SPED_OPTIONS).isdisjoint(sdp.transport_ice_options(section))
        return IceParameters(ufrag, password, lite=sdp.session.ice_lite, sped=takes_dtls)
    except ValueError as error:
        raise DescriptionError(str(error), mid=section.mid) from None


def remote_identity(sdp: Sdp, section: MediaSection) -> RemoteIdentity:
    """Read the peer's end of a DTLS association in an m-section.

    Raises:
        FingerprintError: There is no fingerprint, or all use hashes that are unknown or too weak.
    """
    return RemoteIdentity(accepted_fingerprints(sdp, section), sdp.transport_tls_id(section))


def accepted_fingerprints(
    sdp: Sdp, section: MediaSection, accepted_hashes: Collection[HashFunction] = tuple(HashFunction)
) -> tuple[Fingerprint, ...]:
    """Read the fingerprints of an m-section whose hashes we accept.

    Raises:
        FingerprintError: There is none, or all use hashes that are unknown or too weak.
    """
    fingerprints = sdp.transport_fingerprints(section)
    if not fingerprints:
        # RFC 5763 section 5: "The endpoint MUST use the fingerprint attribute."
        raise FingerprintError("the m-section has no a=fingerprint", mid=section.mid)
    accepted = tuple(f for f in fingerprints if f.hash_function in accepted_hashes)
    if not accepted:
        shown = fingerprints[0]
        fault = "not accepted" if shown.hash_function else "unknown"
        fault = "too weak" if shown.algorithm in WEAK_HASHES else fault
        raise FingerprintError(
            f"the hash {shown.algorithm} is {fault}; {' or '.join(accepted_hashes)} is needed",
            line=f"a=fingerprint:{shown}",
            mid=section.mid,
        )
    return accepted


def offered_setup(sdp: Sdp, section: MediaSection) -> Setup:
    """Read the `a=setup` of an offer; `active` where it has none (RFC 4145 section 4).

    Raises:
        SetupError: It holds the connection.
    """
    setup = sdp.transport_setup(section) or Setup.ACTIVE
    if setup is Setup.HOLDCONN:
        # RFC 8842 section 5.1: holdconn MUST NOT be used with DTLS.
        raise SetupError(
            "an offer cannot hold a DTLS association",
            line=f"a=setup:{setup.value}",
            mid=section.mid,
        )
    return setup


def _check_groups(sdp: Sdp) -> None:
    mids = {section.mid for section in sdp.media}
    seen: set[str] = set()
    for group in sdp.bundle_groups:
        for mid in group.mids:
            if mid not in mids:
                raise DescriptionError(f"a=group:BUNDLE names {mid!r}, which is no m-section")
            if mid in seen:
                raise DescriptionError(f"a=group:BUNDLE names {mid!r} twice")
            seen.add(mid)
