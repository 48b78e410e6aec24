"""Parameters of codecs by which two ends tell formats apart, and those of an answer.

Every codec has parameters that make another format of it, which the ends have in common or not, and
parameters that each end says of itself. RFC 6184 section 8.2.2 (H.264), RFC 7798 section 7.2.2
(H.265), RFC 9628 section 6 (VP9) and the AV1 RTP specification, section 7.2.1, say which are which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.h264_profile import ProfileLevelId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp_parameters import Codec

    Parameters = tuple[tuple[str, str | None], ...]

_PROFILE_LEVEL_ID = "profile-level-id"
_ASYMMETRY = "level-asymmetry-allowed"
#: Parameters of H.265 that make a format, with their defaults (RFC 7798 section 7.1). One with
#: sprop-max-don-diff above 0 puts decoding order numbers into its packets.
_H265_FORMAT = (
    ("profile-space", "0"),
    ("profile-id", "1"),
    ("tx-mode", "SRST"),
    ("sprop-max-don-diff", "0"),
)
#: Parameters of H.265 that an answer has as the offer (RFC 7798 section 7.2.2).
_H265_ANSWERED = ("profile-space", "profile-id", "tier-flag", "level-id", "tx-mode")
#: Parameters that hold parameter sets (RFC 6184 section 8.1, RFC 7798 section 7.1).
_PARAMETER_SETS = frozenset({"sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"})


def same_codec(one: Codec, other: Codec) -> bool:
    """Tell whether a stream of one codec can be decoded as the other."""
    return (
        one.kind is other.kind
        and one.name.lower() == other.name.lower()
        and one.clock_rate == other.clock_rate
        and (one.channels or 1) == (other.channels or 1)
        and _format(one) == _format(other)
    )


def is_named(codec: Codec, preference: str) -> bool:
    """Tell whether a preference of the application names a codec.

    Args:
        codec: The codec.
        preference: A MIME type, such as `video/VP9`, which names all of its formats, or one with
            fmtp parameters, such as `video/VP9;profile-id=2`, which names that format alone.
    """
    mime_type, *pairs = preference.split(";")
    if codec.mimeType.lower() != mime_type.strip().lower():
        return False
    named = tuple(
        (name.strip(), value.strip()) for name, _, value in (pair.partition("=") for pair in pairs)
    )
    # The first parameter of a name counts.
    return same_codec(codec, replace(codec, parameters=named + codec.parameters))


def answered_parameters(ours: Codec, offered: Codec) -> Parameters:
    """Give the parameters of our answer: what makes the format as offered, the rest as ours.

    Args:
        ours: Our codec.
        offered: The same codec as the peer offers it.
    """
    match ours.name.lower():
        case "h264":
            return _h264_answer(ours, offered)
        case "red":
            # They name payload types of the offer.
            return offered.parameters
        case "h265":
            return tuple((k, v) for k, v in offered.parameters if k.lower() in _H265_ANSWERED)
        case _:
            return ours.parameters


def with_parameter_sets(ours: Sequence[Codec], theirs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Add the parameter sets that the peer describes to our codecs to receive.

    RFC 6184 section 8.2.2 and RFC 7798 section 7.2.2: they are of the one who sends, whose packets
    need not have them.

    Args:
        ours: Codecs to receive, with our payload types and parameters.
        theirs: The same codecs as the peer describes them.
    """
    return tuple(_with_parameter_sets(codec, theirs) for codec in ours)


def _with_parameter_sets(codec: Codec, theirs: Sequence[Codec]) -> Codec:
    if codec.is_rtx:
        return codec
    described = [
        (each.payload_type != codec.payload_type, sets)
        for each in theirs
        if (sets := _parameter_sets(each)) and same_codec(each, codec)
    ]
    if not described:
        return codec
    # Several payload types of one format have sets of their own, or only one of them has.
    _, sets = min(described, key=lambda each: each[0])
    return replace(codec, parameters=codec.parameters + sets)


def _parameter_sets(codec: Codec) -> Parameters:
    return tuple((k, v) for k, v in codec.parameters if k.lower() in _PARAMETER_SETS)


def _format(codec: Codec) -> tuple[object, ...]:
    """Give the values that make a format, where a missing parameter has its default."""
    match codec.name.lower():
        case "h264":
            # The level is each end's own, and several values name one profile.
            text = codec.parameter(_PROFILE_LEVEL_ID)
            known = ProfileLevelId.parse(text)
            profile = None if known is None else known.profile
            # RFC 6184 section 8.1: mode 0 without the parameter.
            mode = codec.parameter("packetization-mode") or "0"
            return mode, profile or _without_level(text)
        case "h265":
            return tuple(codec.parameter(name) or value for name, value in _H265_FORMAT)
        case "vp9":
            return (codec.parameter("profile-id") or "0",)
        case "av1":
            return (codec.parameter("profile") or "0",)
        case _:
            return ()


def _without_level(text: str | None) -> str:
    return (text or "").lower()[:4]


def _h264_answer(ours: Codec, offered: Codec) -> Parameters:
    """Answer in the profile that was offered, at our level, or the lower one of both.

    RFC 6184 section 8.2.2: levels may differ only where both ends allow it.
    """
    own = ProfileLevelId.parse(ours.parameter(_PROFILE_LEVEL_ID))
    theirs = ProfileLevelId.parse(offered.parameter(_PROFILE_LEVEL_ID))
    if own is None or theirs is None:
        return ours.parameters
    asymmetric = offered.parameter(_ASYMMETRY) == ours.parameter(_ASYMMETRY) == "1"
    answered = theirs.with_level_of(own) if asymmetric else theirs.at_most(own)
    return tuple(
        (name, str(answered) if name == _PROFILE_LEVEL_ID else value)
        for name, value in ours.parameters
    )
