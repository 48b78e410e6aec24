"""Parameters of codecs in an answer, and the parameter sets that the peer describes.

Every codec has parameters that make another format of it (`peer.codec_format`), which the ends have
in common or not, and parameters that each end says of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.codec_format import same_codec
from peer.h264_profile import ProfileLevelId
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp_parameters import Codec

    Parameters = tuple[tuple[str, str | None], ...]

_PROFILE_LEVEL_ID = "profile-level-id"
_ASYMMETRY = "level-asymmetry-allowed"
#: Parameters of H.265 that an answer has as the offer (RFC 7798 section 7.2.2).
_H265_ANSWERED = ("profile-space", "profile-id", "tier-flag", "level-id", "tx-mode")
#: Parameters that hold parameter sets (RFC 6184 section 8.1, RFC 7798 section 7.1).
_PARAMETER_SETS = frozenset({"sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"})


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
    described = [(each, sets) for each in theirs if (sets := _parameter_sets(each))]
    if not described:
        return tuple(ours)
    return tuple(_with_parameter_sets(codec, described) for codec in ours)


def _with_parameter_sets(codec: Codec, described: Sequence[tuple[Codec, Parameters]]) -> Codec:
    if codec.is_rtx:
        return codec
    found = [
        (each.payload_type != codec.payload_type, sets)
        for each, sets in described
        if same_codec(each, codec)
    ]
    if not found:
        return codec
    # Several payload types of one format have sets of their own, or only one of them has.
    _, sets = min(found, key=lambda each: each[0])
    return replace(codec, parameters=codec.parameters + sets)


def _parameter_sets(codec: Codec) -> Parameters:
    return tuple((k, v) for k, v in codec.parameters if k.lower() in _PARAMETER_SETS)


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
