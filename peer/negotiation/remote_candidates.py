"""Owns addIceCandidate: which m-section a candidate belongs to (RFC 9429 section 4.1.20)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.candidates import CandidateFields, IceCandidate
from peer.errors import CandidateError, InvalidStateError
from peer.negotiation.sdp import Line, MediaSection, Sdp
from peer.negotiation.session import Described, Session

if TYPE_CHECKING:
    from peer.negotiation.profile import Profile


def with_remote_candidate(
    session: Session, candidate: IceCandidate | None, profile: Profile
) -> Session:
    """The session whose remote description has this candidate.

    Args:
        session: It must have a remote description.
        candidate: None, or one with an empty `candidate`, means that no more will come.

    Raises:
        InvalidStateError: There is no remote description yet.
        CandidateError: The candidate is malformed, or belongs to no m-section or generation.
    """
    described = session.pending_remote or session.current_remote
    if described is None:
        raise InvalidStateError("a candidate needs a remote description to belong to")
    candidate = candidate or IceCandidate()
    fields = CandidateFields.parse(candidate.candidate) if candidate.candidate else None
    sdp = described.sdp
    for index in _places(sdp, candidate):
        section = sdp.media[index]
        _check_generation(sdp, section, candidate)
        sdp = sdp.with_media(index, _extended(section, fields, profile))
    changed = Described(described.type, sdp)
    if session.pending_remote is not None:
        return replace(session, pending_remote=changed)
    return replace(session, current_remote=changed)


def _places(sdp: Sdp, candidate: IceCandidate) -> list[int]:
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
    # webrtc-pc section 4.4.1.6: the end of candidates without a mid is that of all m-sections.
    return list(range(len(sdp.media)))


def _check_generation(sdp: Sdp, section: MediaSection, candidate: IceCandidate) -> None:
    ufrag, _ = sdp.transport_ice(section)
    named = candidate.usernameFragment
    if named is not None and not section.rejected and named != ufrag:
        raise CandidateError(
            f"the candidate is of the ICE generation {named!r}, the m-section of {ufrag!r}",
            candidate=candidate.candidate,
        )


def _extended(
    section: MediaSection, fields: CandidateFields | None, profile: Profile
) -> MediaSection:
    if fields is None:
        if section.end_of_candidates:
            return section
        return section.with_lines(Line.attribute("end-of-candidates"))
    if fields in section.candidates:
        return section
    if len(section.candidates) >= profile.max_candidates:
        raise CandidateError(
            f"m-section {section.mid!r} has {profile.max_candidates} candidates already",
            candidate=str(fields),
        )
    return section.with_lines(Line.attribute("candidate", str(fields).removeprefix("candidate:")))
