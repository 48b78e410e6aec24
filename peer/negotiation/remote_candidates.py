"""addIceCandidate finds the m-section and ICE generation of a candidate (RFC 9429 4.1.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.configuration.sdp_leniency import SdpLeniency
from peer.errors import CandidateError, InvalidStateError, StaleCandidateError
from peer.ice import CandidateFields, IceCandidate
from peer.negotiation.leniency import repaired_candidate
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import AppliedDescription, Session, Side
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp


def with_remote_candidate(
    session: Session, candidate: IceCandidate | None, profile: Profile
) -> Session:
    """Add a candidate to the remote descriptions of its ICE generation.

    Args:
        session: A session that has a remote description.
        candidate: None, or one with an empty `candidate`, means that no more will come.
        profile: The fixed facts of our end, with the number of candidates kept.

    Raises:
        InvalidStateError: There is no remote description yet.
        CandidateError: The candidate is malformed, or belongs to no m-section.
        StaleCandidateError: It belongs to an ICE generation that neither description has.
    """
    described = session.description(Side.REMOTE)
    if described is None:
        raise InvalidStateError("a candidate needs a remote description to belong to")
    candidate = candidate or IceCandidate()
    fields = _fields(candidate.candidate, profile) if candidate.candidate else None
    generations: dict[int, str | None] = {}
    for index in _section_indexes(described.sdp, candidate):
        # webrtc-pc section 4.4.2: for a transceiver that has ended it is no error.
        if not described.sdp.media[index].rejected:
            generations[index] = _generation(session, described, index, candidate)
    return replace(
        session,
        pending_remote=_extended(session.pending_remote, generations, fields, profile),
        current_remote=_extended(session.current_remote, generations, fields, profile),
    )


def _fields(text: str, profile: Profile) -> CandidateFields:
    try:
        return CandidateFields.parse(text)
    except CandidateError:
        repaired = repaired_candidate(text)
        if repaired is None or SdpLeniency.BROKEN_CANDIDATE not in profile.leniency:
            raise
        return CandidateFields.parse(repaired)


def _section_indexes(sdp: Sdp, candidate: IceCandidate) -> list[int]:
    # A mid is never empty (RFC 5888 section 4): Pion's `""` says that it leaves the mid out.
    if candidate.sdpMid:
        found = [i for i, section in enumerate(sdp.media) if section.mid == candidate.sdpMid]
        if not found:
            raise CandidateError(
                f"no m-section has the mid {candidate.sdpMid!r}", candidate=candidate.candidate
            )
        return found
    if candidate.sdpMLineIndex is not None:
        if not 0 <= candidate.sdpMLineIndex < len(sdp.media):
            raise CandidateError(
                f"there is no m-section {candidate.sdpMLineIndex}", candidate=candidate.candidate
            )
        return [candidate.sdpMLineIndex]
    if candidate.candidate:
        raise CandidateError(
            "a candidate names its m-section by sdpMid or sdpMLineIndex",
            candidate=candidate.candidate,
        )
    # webrtc-pc section 4.4.2: the end of candidates without a mid is that of all m-sections.
    return list(range(len(sdp.media)))


def _generation(
    session: Session, newest: AppliedDescription, index: int, candidate: IceCandidate
) -> str | None:
    """Give the username fragment of the ICE generation of a candidate."""
    named = candidate.usernameFragment
    if named is None:
        return _username_fragment(newest, index)
    known = [_username_fragment(d, index) for d in (newest, session.current_remote)]
    if named not in known:
        raise StaleCandidateError(
            f"the candidate is of the ICE generation {named!r}, the m-section of {known[0]!r}",
            candidate=candidate.candidate,
        )
    return named


def _username_fragment(described: AppliedDescription | None, index: int) -> str | None:
    if described is None or index >= len(described.sdp.media):
        return None
    return described.sdp.transport_ice(described.sdp.media[index])[0]


def _extended(
    described: AppliedDescription | None,
    generations: Mapping[int, str | None],
    fields: CandidateFields | None,
    profile: Profile,
) -> AppliedDescription | None:
    """Add a candidate to the m-sections of its ICE generation; leave others as they are.

    Args:
        described: The description; None where there is none.
        generations: Username fragment of the generation, by the index of each m-section.
        fields: The candidate; None where no more will come.
        profile: The number of candidates kept.
    """
    changed: dict[int, MediaSection] = {}
    for index, generation in generations.items():
        if described is None or index >= len(described.sdp.media):
            continue
        if _username_fragment(described, index) != generation:
            continue
        section = described.sdp.media[index]
        if fields is None:
            if not section.end_of_candidates:
                changed[index] = section.with_lines(Line.attribute("end-of-candidates"))
        elif fields not in section.candidates:
            if len(section.candidates) >= profile.max_candidates:
                raise CandidateError(
                    f"m-section {section.mid!r} has {profile.max_candidates} candidates already",
                    candidate=str(fields),
                )
            changed[index] = section.with_candidates(fields)
    if described is None or not changed:
        return described
    extended = described.sdp.with_sections(changed)
    return AppliedDescription(described.type, extended, described.untrickled.sdp)
