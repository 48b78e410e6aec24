"""Tells formats of one codec apart by their parameters. PURE.

RFC 6184 section 8.2.2 (H.264), RFC 7798 section 7.2.2 (H.265), RFC 9628 section 6 (VP9) and the AV1
RTP specification, section 7.2.1, say which parameters make another format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.h264_profile import ProfileLevelId
from peer.values import replace

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

#: Parameters of H.265 that make a format, with their defaults (RFC 7798 section 7.1). One with
#: sprop-max-don-diff above 0 puts decoding order numbers into its packets.
_H265_FORMAT = (
    ("profile-space", "0"),
    ("profile-id", "1"),
    ("tx-mode", "SRST"),
    ("sprop-max-don-diff", "0"),
)


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


def _format(codec: Codec) -> tuple[object, ...]:
    """Give the values that make a format, where a missing parameter has its default."""
    match codec.name.lower():
        case "h264":
            # The level is each end's own, and several values name one profile.
            text = codec.parameter("profile-level-id")
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
