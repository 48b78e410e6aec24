"""Media encryption that a description asks for, and whether its end may ask for that. PURE.

Keys of SDES (RFC 4568) are used where a description shows no fingerprint at all, not even of
another m-section, and the application has asked for that: whoever could take a fingerprint out
would choose the weaker keys.

RFC 8643 (OSRTP): `RTP/AVP` or `RTP/AVPF` with keying attributes is SRTP; without any it is plain
RTP, which is taken only where the application has asked for best effort. What shows keys that we
cannot use, or only a part of them, is refused: to pass it over would let whoever strips a line
choose plain RTP for both ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.configuration.security_policy import BestEffort
from peer.errors import DowngradeError, InsecureSignalingError
from peer.negotiation.sdes import lacks_usable_crypto
from peer.states import MediaEncryption

if TYPE_CHECKING:
    from peer.configuration.sdes import Sdes
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import Session

#: Profiles of RTP without encryption of their own (RFC 3551, RFC 4585).
PLAIN_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF"})
#: Profiles in which an m-section has keys of SDES: those of RFC 4568, and of OSRTP (RFC 8643).
SDES_PROTOCOLS = PLAIN_PROTOCOLS | {"RTP/SAVP", "RTP/SAVPF"}
#: Profile of our offers with keys of SDES: trunks and phones may know no feedback (RFC 5124).
SDES_PROTOCOL = "RTP/SAVP"
#: Profile of our offers in best-effort mode. RFC 8643 section 3.1 leaves the choice of the two, and
#: phones that know no encryption may know no feedback either (baresip refuses `RTP/AVPF`).
BEST_EFFORT_PROTOCOL = "RTP/AVP"


def encryption_of(sdp: Sdp, section: MediaSection) -> MediaEncryption:
    """Give the encryption that an m-section of a checked description means.

    It is NONE only for audio or video in a description that shows no keys at all, and SDES-SRTP
    only where it shows no fingerprint, so that all m-sections of a description agree.
    """
    protocol = section.media_line.protocol
    if section.kind is None or protocol not in SDES_PROTOCOLS or sdp.shows_fingerprint:
        return MediaEncryption.DTLS_SRTP
    if sdp.transport_crypto(section):
        return MediaEncryption.SDES_SRTP
    if protocol not in PLAIN_PROTOCOLS or sdp.keying_line is not None:
        return MediaEncryption.DTLS_SRTP
    return MediaEncryption.NONE


def needs_fingerprint(sdp: Sdp, section: MediaSection, profile: Profile) -> bool:
    """Tell whether an m-section must have a fingerprint, as the application takes nothing else."""
    encryption = encryption_of(sdp, section)
    match encryption:
        case MediaEncryption.DTLS_SRTP:
            return True
        case MediaEncryption.SDES_SRTP:
            return profile.sdes is None
        case MediaEncryption.NONE:
            return profile.best_effort is BestEffort.OFF
    assert_never(encryption)


def lacks_usable_key(sdp: Sdp, section: MediaSection, profile: Profile) -> str | None:
    """Say why the keys of SDES of an m-section cannot be used; None where it has none, or can."""
    if profile.sdes is None or encryption_of(sdp, section) is not MediaEncryption.SDES_SRTP:
        return None
    return lacks_usable_crypto(sdp, section, profile.sdes.suites)


def offers_sdes(session: Session, sdes: Sdes | None) -> bool:
    """Tell whether our offers have keys of SDES: no fingerprint stands beside them, ever."""
    return sdes is not None and not session.was_dtls


def asks_for_no_certificate(sdp: Sdp) -> bool:
    """Tell whether a description has audio or video that no certificate protects."""
    plain = _section_of(sdp, MediaEncryption.NONE)
    return plain is not None or _section_of(sdp, MediaEncryption.SDES_SRTP) is not None


def check_no_downgrade(session: Session, sdp: Sdp) -> None:
    """Check that a peer does not ask for weaker keys than the connection had before.

    Raises:
        DowngradeError: It does.
    """
    for weaker, was_stronger, reason in (
        (MediaEncryption.NONE, session.was_encrypted, "no keys, and media of this connection was "),
        (MediaEncryption.SDES_SRTP, session.was_dtls, "keys of SDES, and media of it was by DTLS "),
    ):
        section = _section_of(sdp, weaker) if was_stronger else None
        if section is not None:
            raise DowngradeError(
                f"the description has {reason}encrypted before",
                line=section.lines[0].text,
                line_number=section.lines[0].number,
                mid=section.mid,
            )


def check_signaling(sdp: Sdp, profile: Profile, *, is_protected: bool) -> None:
    """Check that a description with keys of SDES goes over signalling that keeps them secret.

    Raises:
        InsecureSignalingError: It does not, or nothing says so.
    """
    if profile.sdes is None or is_protected:
        return
    if _section_of(sdp, MediaEncryption.SDES_SRTP) is not None:
        raise InsecureSignalingError(
            "SRTP keys (SDES) would be in signalling that is not protected, or that nobody says is:"
            " use sips: or wss:, or Sdes(signaling_is_protected=True)"
        )


def _section_of(sdp: Sdp, encryption: MediaEncryption) -> MediaSection | None:
    live = (section for section in sdp.media if not section.rejected)
    return next((s for s in live if encryption_of(sdp, s) is encryption), None)
