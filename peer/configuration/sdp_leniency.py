"""Leniencies that a program can switch off: what is taken of a peer beyond the grammar of SDP."""

from __future__ import annotations

from enum import StrEnum


class SdpLeniency(StrEnum):
    """One thing that is taken of a peer's description although a standard says otherwise.

    `peer/negotiation/leniency.py` has the rule of each, why it is there, and from whom it is known.
    `PeerConfiguration(sdp_leniency=...)` names those that apply.
    """

    MISSING_MID = "missing-mid"
    """An m-section without `a=mid` gets one; an answer's is that of the offer at its place."""

    MID_BY_PLACE = "mid-by-place"
    """An answer whose mid is not of the offer is taken for the m-section at its place."""

    OLD_DATA_FORM = "old-data-form"
    """Data channels as before RFC 8841: `DTLS/SCTP 5000` and `a=sctpmap`."""

    BROKEN_CANDIDATE = "broken-candidate"
    """A candidate that breaks the grammar is repaired or passed over, and not the description."""

    TOO_MANY_CANDIDATES = "too-many-candidates"
    """Candidates beyond `max_candidates` are passed over, and not the description."""

    SPACES_AND_CASE = "spaces-and-case"
    """A space behind a flag, and `a=setup` in capitals."""

    ORIGIN = "origin"
    """An `o=` line whose session id or version is no 64-bit number."""

    REPEATED_DIRECTION = "repeated-direction"
    """Of several directions of one section the last holds."""

    BROKEN_RTPMAP = "broken-rtpmap"
    """An `a=rtpmap` that cannot be read is passed over, as if its codec were unknown."""

    OPUS_CHANNELS = "opus-channels"
    """`opus/48000` is `opus/48000/2`."""

    STRAY_BUNDLE_ONLY = "stray-bundle-only"
    """`a=bundle-only` of a section in no BUNDLE group says nothing: port 0 rejects it."""

    UNUSABLE_SECTION = "unusable-section"
    """A new m-section of an offer without ICE, fingerprint or rtcp-mux is rejected by itself."""

    NO_COMMON_CODEC = "no-common-codec"
    """An m-section of an answer with codecs that were not offered is closed by itself."""

    MISSING_ANSWER_SETUP = "missing-answer-setup"
    """An answer without `a=setup` means `active`. Not among the defaults."""

    WIDE_ANSWER = "wide-answer"
    """An answer's direction is narrowed to what the offer allows. Not among the defaults."""


#: Leniencies where nothing is configured: all but those that guess what an answer means (ours).
DEFAULT_LENIENCY = frozenset(SdpLeniency) - {
    SdpLeniency.MISSING_ANSWER_SETUP,
    SdpLeniency.WIDE_ANSWER,
}
