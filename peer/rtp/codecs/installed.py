"""Owns which codecs can be offered, with their payload types, and which libraries work here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from av.codec import Codec as Library
from av.codec.codec import UnknownCodecError

from peer.rtp_parameters import Codec, Feedback, MediaKind

if TYPE_CHECKING:
    from typing import Literal

VIDEO_CLOCK_RATE = 90_000
TELEPHONE_EVENT = "telephone-event"

# The first one that is installed is used, for each encoding name in lower case.
ENCODERS: dict[str, tuple[str, ...]] = {
    "opus": ("libopus",),
    "g722": ("g722",),
    "pcmu": ("pcm_mulaw",),
    "pcma": ("pcm_alaw",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "h264": ("libx264",),
    "av1": ("libsvtav1",),
}
DECODERS: dict[str, tuple[str, ...]] = {
    "opus": ("libopus",),
    "g722": ("g722",),
    "pcmu": ("pcm_mulaw",),
    "pcma": ("pcm_alaw",),
    # av's own before libvpx: as fast, and they refuse a size before they take memory for it.
    "vp8": ("vp8", "libvpx"),
    "vp9": ("vp9", "libvpx-vp9"),
    "h264": ("h264",),
    "av1": ("libdav1d",),
}

_AUDIO_FEEDBACK = (Feedback("transport-cc"),)
_VIDEO_FEEDBACK = (
    Feedback("nack"),
    Feedback("nack", "pli"),
    Feedback("ccm", "fir"),
    Feedback("goog-remb"),
    Feedback("transport-cc"),
)


def encoder_library(name: str) -> str | None:
    """The library that encodes, as av names it; None where there is none.

    Args:
        name: The encoding name, in any case.
    """
    return _first(ENCODERS.get(name.lower(), ()), "w")


def decoder_library(name: str) -> str | None:
    """The library that decodes, as av names it; None where there is none.

    Args:
        name: The encoding name, in any case.
    """
    return _first(DECODERS.get(name.lower(), ()), "r")


def can_encode(codec: Codec) -> bool:
    """Whether frames can be encoded for it here; telephone events need no library."""
    return _is_event(codec) or encoder_library(codec.name) is not None


def can_decode(codec: Codec) -> bool:
    """Whether frames of it can be decoded here; telephone events need no library."""
    return _is_event(codec) or decoder_library(codec.name) is not None


@cache
def installed(kind: MediaKind) -> tuple[Codec, ...]:
    """What can be decoded here, most preferred first, each RTX codec after the one it repairs.

    What cannot be encoded as well is for receiving only: see `can_encode`. Payload types are the
    static ones of RFC 3551 and those from 96 on; no two of both kinds are equal, as BUNDLE asks.
    """
    every = _audio() if kind is MediaKind.AUDIO else _video()
    playable = {codec.payload_type for codec in every if not codec.is_rtx and can_decode(codec)}
    return tuple(
        codec for codec in every if (codec.apt if codec.is_rtx else codec.payload_type) in playable
    )


def _is_event(codec: Codec) -> bool:
    return codec.name.lower() == TELEPHONE_EVENT


@cache
def _first(libraries: tuple[str, ...], mode: Literal["r", "w"]) -> str | None:
    for library in libraries:
        try:
            Library(library, mode)
        except UnknownCodecError:
            continue
        return library
    return None


def _audio() -> tuple[Codec, ...]:
    return (
        # RFC 7587 section 7: the clock is 48000 and the channels are 2, whatever is sent.
        _sound("opus", 96, 48_000, 2, (("minptime", "10"), ("useinbandfec", "1"))),
        # RFC 3551 section 4.5.2: the clock of G722 is 8000, though it has 16000 samples a second.
        _sound("G722", 9, 8_000, 1),
        _sound("PCMU", 0, 8_000, 1),
        _sound("PCMA", 8, 8_000, 1),
        # RFC 4733 section 2.1: one for each clock rate that a tone may come between.
        _sound(TELEPHONE_EVENT, 107, 48_000, 1, (("0-15", None),)),
        _sound(TELEPHONE_EVENT, 108, 8_000, 1, (("0-15", None),)),
    )


def _video() -> tuple[Codec, ...]:
    return (
        *_repaired("VP8", 97),
        *_repaired("H264", 99, _h264("42001f")),
        *_repaired("H264", 101, _h264("42e01f")),
        # RFC 9628 section 6: 8 bits a sample, 4:2:0.
        *_repaired("VP9", 103, (("profile-id", "0"),)),
        *_repaired("AV1", 105),
    )


def _sound(
    name: str,
    payload_type: int,
    clock_rate: int,
    channels: int,
    parameters: tuple[tuple[str, str | None], ...] = (),
) -> Codec:
    return Codec(
        kind=MediaKind.AUDIO,
        name=name,
        payload_type=payload_type,
        clock_rate=clock_rate,
        channels=channels,
        parameters=parameters,
        feedback=() if name == TELEPHONE_EVENT else _AUDIO_FEEDBACK,
    )


def _repaired(
    name: str, payload_type: int, parameters: tuple[tuple[str, str | None], ...] = ()
) -> tuple[Codec, Codec]:
    media = Codec(
        kind=MediaKind.VIDEO,
        name=name,
        payload_type=payload_type,
        clock_rate=VIDEO_CLOCK_RATE,
        parameters=parameters,
        feedback=_VIDEO_FEEDBACK,
    )
    rtx = Codec(
        kind=MediaKind.VIDEO,
        name="rtx",
        payload_type=payload_type + 1,
        clock_rate=VIDEO_CLOCK_RATE,
        parameters=(("apt", str(payload_type)),),
    )
    return media, rtx


def _h264(profile_level_id: str) -> tuple[tuple[str, str | None], ...]:
    return (
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", "1"),
        ("profile-level-id", profile_level_id),
    )
