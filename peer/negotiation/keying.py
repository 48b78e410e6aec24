"""Media encryption that a description asks for, and whether its end may ask for that. PURE.

RFC 8643 (OSRTP): `RTP/AVP` or `RTP/AVPF` with keying attributes is SRTP; without any it is plain
RTP, which is taken only where the application has asked for best effort. What shows keys that we
cannot use, or only a part of them, is refused: to pass it over would let whoever strips a line
choose plain RTP for both ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.configuration.security_policy import BestEffort
from peer.errors import DowngradeError
from peer.states import MediaEncryption

if TYPE_CHECKING:
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import Session

#: Profiles of RTP without encryption of their own (RFC 3551, RFC 4585).
PLAIN_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF"})
#: Profile of our offers in best-effort mode. RFC 8643 section 3.1 leaves the choice of the two, and
#: phones that know no encryption may know no feedback either (baresip refuses `RTP/AVPF`).
BEST_EFFORT_PROTOCOL = "RTP/AVP"


def encryption_of(sdp: Sdp, section: MediaSection) -> MediaEncryption:
    """Give the encryption that an m-section of a checked description means.

    It is NONE only for audio or video in a description that shows no keys at all, so that all
    m-sections of a description agree.
    """
    if section.kind is None or section.media_line.protocol not in PLAIN_PROTOCOLS:
        return MediaEncryption.DTLS_SRTP
    return MediaEncryption.NONE if sdp.keying_line is None else MediaEncryption.DTLS_SRTP


def may_be_unencrypted(sdp: Sdp, section: MediaSection, profile: Profile) -> bool:
    """Tell whether an m-section is plain RTP, and the application takes that."""
    if profile.best_effort is BestEffort.OFF:
        return False
    return encryption_of(sdp, section) is MediaEncryption.NONE


def asks_for_plain_rtp(sdp: Sdp) -> bool:
    """Tell whether a description has audio or video, and no keys at all."""
    return _plain_section(sdp) is not None


def check_no_downgrade(session: Session, sdp: Sdp) -> None:
    """Check that a peer with which media was encrypted does not ask for plain RTP.

    Raises:
        DowngradeError: It does.
    """
    section = _plain_section(sdp) if session.was_encrypted else None
    if section is not None:
        raise DowngradeError(
            "the description has no keys, and media of this connection was encrypted before",
            line=section.lines[0].text,
            line_number=section.lines[0].number,
            mid=section.mid,
        )


def _plain_section(sdp: Sdp) -> MediaSection | None:
    live = (section for section in sdp.media if not section.rejected)
    return next((s for s in live if encryption_of(sdp, s) is MediaEncryption.NONE), None)
