"""Encodings of a sender: what an application may ask of each, and the rules for it. PURE.

W3C webrtc-pc section 5.1 (addTransceiver) and section 5.2 (setParameters) have the rules, RFC 8852
section 3.1 those for RIDs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from peer.codec_format import is_named, same_codec
from peer.errors import ConfigurationError, InvalidAccessError
from peer.priority import Priority
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import SEND_LAYER_LIMIT, Codec, MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.codec_capabilities import RtpCodec

#: A RID (RFC 8852 section 3.1), as long as a one-byte header extension can say it (RFC 8285).
_RID = re.compile(r"[A-Za-z0-9]{1,16}")
#: Scalability modes that our encoders have (webrtc-svc): one spatial and one temporal layer.
SCALABILITY_MODES = ("L1T1",)


@dataclass(slots=True, kw_only=True)
class RtpEncodingParameters:
    """The encoding of one stream; None is no bound (RTCRtpEncodingParameters).

    Args:
        rid: RID of the stream, 1 to 16 letters and digits; None where there is one stream only.
            Read-only once the transceiver is there.
        active: Whether the stream is sent at all.
        maxBitrate: Highest bitrate of payloads in bits/s.
        maxFramerate: Highest frame rate in Hz; 0 freezes the video. None for audio.
        scaleResolutionDownBy: Divisor of width and height, at least 1. None for audio.
        codec: Codec of the stream: one of those that were agreed on or of `getCapabilities`, or its
            MIME type; None for the first of those agreed on.
        scalabilityMode: `L1T1`, or None, which is the same: layers within a stream are not made.
        priority: `very-low`, `low`, `medium` or `high`: where the path has too little for all that
            a connection sends, video of each gets twice the bitrate of that below (RFC 8835 4.1).
        networkPriority: The same words or None; kept, and no packet is marked (RFC 8837).
    """

    rid: str | None = None
    active: bool = True
    maxBitrate: int | None = None
    maxFramerate: float | None = None
    scaleResolutionDownBy: float | None = None
    codec: Codec | RtpCodec | str | None = None
    scalabilityMode: str | None = None
    priority: Priority | str = Priority.LOW
    networkPriority: Priority | str | None = None


def default_encodings(kind: MediaKind) -> tuple[RtpEncodingParameters, ...]:
    """The one encoding of a sender that was asked for none."""
    scale = 1.0 if kind is MediaKind.VIDEO else None
    return (RtpEncodingParameters(scaleResolutionDownBy=scale),)


def encodings_of_peer(rids: Sequence[str]) -> tuple[RtpEncodingParameters, ...]:
    """The encodings that an offer of the peer asks for, the smallest first."""
    return tuple(
        RtpEncodingParameters(rid=rid, scaleResolutionDownBy=_scale(index, count=len(rids)))
        for index, rid in enumerate(rids)
    )


def checked_encodings(
    given: Sequence[RtpEncodingParameters], kind: MediaKind
) -> tuple[RtpEncodingParameters, ...]:
    """Check the encodings that an application asks for, and complete them (webrtc-pc 5.1).

    Audio has one encoding, and video `SEND_LAYER_LIMIT` at most; further ones are left out. Where
    no video encoding says a scale, the last has the whole picture, and each one before it half of
    the width and height of the next.

    Args:
        given: The encodings; empty for the default.
        kind: Audio or video.

    Raises:
        ConfigurationError: A RID is none, missing or there twice, or a number is out of its range.
        InvalidAccessError: A codec cannot be sent here.
    """
    _check_rids([each.rid for each in given])
    scaled = any(each.scaleResolutionDownBy is not None for each in given)
    encodings = [checked_encoding(each, kind) for each in given]
    for each in encodings:
        if each.codec is not None and find_codec(each.codec, kind) is None:
            raise InvalidAccessError(f"{each.codec} cannot be sent here")
    del encodings[1 if kind is MediaKind.AUDIO else SEND_LAYER_LIMIT :]
    if not encodings:
        return default_encodings(kind)
    if len(encodings) == 1:
        return (replace(encodings[0], rid=None),)
    if not scaled:
        for index, each in enumerate(encodings):
            each.scaleResolutionDownBy = _scale(index, count=len(encodings))
    return tuple(encodings)


def checked_encoding(given: RtpEncodingParameters, kind: MediaKind) -> RtpEncodingParameters:
    """Return a checked copy of one encoding, without the members that the kind does not use.

    Raises:
        ConfigurationError: A member is out of its range.
    """
    if not isinstance(given.active, bool):
        raise ConfigurationError(f"active must be True or False, not {given.active!r}")
    bitrate = given.maxBitrate
    if bitrate is not None and not (_is_number(bitrate) and bitrate == int(bitrate) > 0):
        raise ConfigurationError(f"maxBitrate must be a whole number above 0, not {bitrate!r}")
    given = replace(
        given,
        priority=_priority(given.priority, name="priority"),
        networkPriority=None
        if given.networkPriority is None
        else _priority(given.networkPriority, name="networkPriority"),
    )
    # webrtc-pc section 5.2: for audio the others are ignored.
    if kind is MediaKind.AUDIO:
        return replace(given, maxFramerate=None, scaleResolutionDownBy=None, scalabilityMode=None)
    rate = given.maxFramerate
    if rate is not None and not (_is_number(rate) and rate >= 0):
        raise ConfigurationError(f"maxFramerate must be at least 0, not {rate!r}")
    scale = 1.0 if given.scaleResolutionDownBy is None else given.scaleResolutionDownBy
    if not (_is_number(scale) and scale >= 1):
        raise ConfigurationError(f"scaleResolutionDownBy must be at least 1, not {scale!r}")
    mode = given.scalabilityMode
    if mode is not None and mode not in SCALABILITY_MODES:
        raise ConfigurationError(f"scalabilityMode {mode!r} is not made here, L1T1 is")
    return replace(given, scaleResolutionDownBy=float(scale))


def priority_weight(encoding: RtpEncodingParameters) -> float:
    """Return the relative part of the bitrate that an encoding gets, as its priority has it."""
    return _priority(encoding.priority, name="priority").weight


def _priority(given: Priority | str, *, name: str) -> Priority:
    try:
        return Priority(given)
    except ValueError:
        names = ", ".join(repr(str(each)) for each in Priority)
        raise ConfigurationError(f"{name} is one of {names}, not {given!r}") from None


def find_codec(
    wanted: Codec | RtpCodec | str, kind: MediaKind, codecs: Sequence[Codec] | None = None
) -> Codec | None:
    """Find the codec that an encoding asks for; None where it is none of those to send.

    Args:
        wanted: A codec, a capability, or a MIME type such as `video/VP9;profile-id=2`.
        kind: Audio or video.
        codecs: The codecs agreed on; None before negotiation, for all that can be encoded here.
    """
    if codecs is None:
        able = capabilities(kind)
        codecs = (*able.codecs, *able.accepted)
    for codec in codecs:
        if codec.is_auxiliary:
            continue
        if _is_wanted(codec, wanted):
            return codec
    return None


def _is_wanted(codec: Codec, wanted: Codec | RtpCodec | str) -> bool:
    if isinstance(wanted, str):
        return is_named(codec, wanted)
    if isinstance(wanted, Codec):
        return same_codec(codec, wanted)
    name = ";".join(filter(None, (wanted.mimeType, wanted.sdpFmtpLine)))
    form = (codec.clock_rate, codec.channels)
    return form == (wanted.clockRate, wanted.channels) and is_named(codec, name)


def with_codec_first(
    codecs: tuple[Codec, ...], wanted: Codec | RtpCodec | str | None, kind: MediaKind
) -> tuple[Codec, ...]:
    """Put the codec that an encoding asks for in front of the others, where it is among them."""
    found = None if wanted is None else find_codec(wanted, kind, codecs)
    if found is None or found is codecs[0]:
        return codecs
    return (found, *(each for each in codecs if each is not found))


def _scale(index: int, *, count: int) -> float:
    # webrtc-pc section 5.1: the last one is the largest.
    return float(2 ** (count - index - 1))


def _check_rids(rids: Sequence[str | None]) -> None:
    for rid in rids:
        if rid is not None and not _RID.fullmatch(rid):
            raise ConfigurationError(f"{rid[:32]!r} is no rid: 1 to 16 letters and digits")
    if len(rids) > 1 and None in rids:
        raise ConfigurationError("each of several encodings needs a rid")
    if len(set(rids)) != len(rids):
        raise ConfigurationError("two encodings have the same rid")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)
