"""The codecs that can be offered, with their payload types, and the libraries for them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from av.codec import Codec as Library
from av.codec.codec import UnknownCodecError

from peer.h264_profile import ProfileLevelId
from peer.rtp.codecs.audio_libraries import AUDIO_LIBRARIES
from peer.rtp.codecs.video_libraries import H264_PROFILES, LIBRARIES
from peer.rtp_parameters import Codec, Feedback, MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

#: Clock rate of all video codecs in Hz (RFC 3551 section 5).
VIDEO_CLOCK_RATE = 90_000
TELEPHONE_EVENT = "telephone-event"
_WITHOUT_LIBRARY = frozenset({TELEPHONE_EVENT, "cn", "red"})

# By encoding name in lower case; the first library that is installed is used.
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
    # libav's own before libvpx: as fast, and they refuse a size before they allocate memory for it.
    "vp8": ("vp8", "libvpx"),
    "vp9": ("vp9", "libvpx-vp9"),
    "h264": ("h264",),
    "h265": ("hevc",),
    "av1": ("libdav1d",),
}

#: profile-level-id of H.264 that we offer: baseline, constrained baseline, Main and High.
_H264 = ("42001f", "42e01f", "4d0034", "640034")
#: Those that we only accept, at level 5.2: constrained High, and those of more bits or chroma.
_RARE_H264 = ("640c34", "6e0034", "7a0034", "f40034")
#: RFC 6184 section 6.2: mode 0 is what all senders of H.264 have.
_RARE_H264_OF_MODE_0 = (*_H264, *_RARE_H264)
# What `_video` and `_audio` leave (RFC 3551 section 6, RFC 5761 section 4): a codec and its RTX.
_SPARE_PAYLOAD_TYPES = (*range(35, 63, 2), *range(113, 127, 2))


def check_encoders(encoders: Mapping[str, tuple[str, ...]]) -> None:
    """Check that each library is known to `AudioEncoder` or `VideoEncoder`.

    A codec of one that is not would be offered, and nothing ever sent.

    Raises:
        AssertionError: One is not; its name is in the message.
    """
    named = {library for libraries in encoders.values() for library in libraries}
    unknown = named - {*AUDIO_LIBRARIES, *LIBRARIES}
    if unknown:
        raise AssertionError(f"no encoder of ours knows what to give to {sorted(unknown)}")


check_encoders(ENCODERS)

_AUDIO_FEEDBACK = (Feedback("nack"), Feedback("transport-cc"))
_VIDEO_FEEDBACK = (
    Feedback("nack"),
    Feedback("nack", "pli"),
    Feedback("ccm", "fir"),
    Feedback("goog-remb"),
    Feedback("transport-cc"),
)


def encoder_library(name: str) -> str | None:
    """Return the library that encodes a codec, as PyAV names it; None where there is none.

    Args:
        name: Encoding name of the codec, in any case.
    """
    return _first(ENCODERS.get(name.lower(), ()), "w")


def decoder_library(name: str) -> str | None:
    """Return the library that decodes a codec, as PyAV names it; None where there is none.

    Args:
        name: Encoding name of the codec, in any case.
    """
    return _first(DECODERS.get(name.lower(), ()), "r")


def can_encode(codec: Codec) -> bool:
    """Return True where a codec can be encoded here; telephone events need no library."""
    if _is_event(codec):
        return True
    return encoder_library(codec.name) is not None and _is_encoded_profile(codec)


def can_decode(codec: Codec) -> bool:
    """Return True where a codec can be decoded here; telephone events need no library."""
    return _is_event(codec) or decoder_library(codec.name) is not None


def _is_encoded_profile(codec: Codec) -> bool:
    """Tell whether our encoders, which take 8 bits a sample and 4:2:0, make the codec's profile."""
    match codec.name.lower():
        case "h264":
            known = ProfileLevelId.parse(codec.parameter("profile-level-id"))
            return known is not None and known.profile in H264_PROFILES
        case "vp9":
            return (codec.parameter("profile-id") or "0") == "0"
        case "av1":
            return (codec.parameter("profile") or "0") == "0"
        case _:
            return True


@cache
def accepted(kind: MediaKind) -> tuple[Codec, ...]:
    """Return codecs that can be decoded here, and are too rare to enlarge each offer.

    They are taken where a peer offers none of `installed`. The payload types are for offers of an
    application that names one.
    """
    if kind is MediaKind.AUDIO:
        # RFC 3389 section 3: of codecs of 8000 Hz; a static payload type (RFC 3551 section 6).
        return (_audio_codec("CN", payload_type=13, clock_rate=8_000),)
    return tuple(
        each
        for media, rtx in _accepted_video()
        if decoder_library(media.name) is not None
        for each in (media, rtx)
    )


@cache
def installed(kind: MediaKind) -> tuple[Codec, ...]:
    """Return the codecs that can be decoded here, most preferred first, each before its RTX codec.

    A codec that cannot be encoded as well is for receiving only: see `can_encode`. Payload types
    are the static ones of RFC 3551 and those from 96 on, unique across both kinds (BUNDLE).
    """
    every = _audio() if kind is MediaKind.AUDIO else _video()
    playable = {c.payload_type for c in every if c.accompanied is None and can_decode(c)}
    return tuple(
        codec
        for codec in every
        if (codec.payload_type if codec.accompanied is None else codec.accompanied) in playable
    )


def _is_event(codec: Codec) -> bool:
    """Tell whether packets of a codec are read without a library: tones, noise, redundant data."""
    return codec.name.lower() in _WITHOUT_LIBRARY


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
        _audio_codec(
            "opus",
            payload_type=96,
            clock_rate=48_000,
            channels=2,
            parameters=(("minptime", "10"), ("useinbandfec", "1")),
        ),
        # RFC 2198, with a copy of the packet before; as in libwebrtc, sent only where preferred.
        _audio_codec(
            "red", payload_type=127, clock_rate=48_000, channels=2, parameters=(("96/96", None),)
        ),
        # RFC 3551 section 4.5.2: the clock of G722 is 8000, though it has 16000 samples a second.
        _audio_codec("G722", payload_type=9, clock_rate=8_000),
        _audio_codec("PCMU", payload_type=0, clock_rate=8_000),
        _audio_codec("PCMA", payload_type=8, clock_rate=8_000),
        # RFC 4733 section 2.1: one for each clock rate of the audio around a tone.
        _audio_codec(
            TELEPHONE_EVENT, payload_type=107, clock_rate=48_000, parameters=(("0-15", None),)
        ),
        _audio_codec(
            TELEPHONE_EVENT, payload_type=108, clock_rate=8_000, parameters=(("0-15", None),)
        ),
    )


def _video() -> tuple[Codec, ...]:
    return (
        *_with_rtx("VP8", 97),
        *_with_rtx("H264", 99, _h264(_H264[0])),
        *_with_rtx("H264", 101, _h264(_H264[1])),
        # RFC 9628 section 6: 8 bits a sample, 4:2:0.
        *_with_rtx("VP9", 103, (("profile-id", "0"),)),
        *_with_rtx("AV1", 105),
        # Last: who sends one of them will most likely send the first of those as well.
        *_with_rtx("H264", 109, _h264(_H264[2])),
        *_with_rtx("H264", 111, _h264(_H264[3])),
    )


def _accepted_video() -> Iterator[tuple[Codec, Codec]]:
    numbers = iter(_SPARE_PAYLOAD_TYPES)
    # RFC 7798 section 7.1: Main, Main 10 and range extensions, at level 5.1.
    for profile in ("1", "2", "4"):
        parameters = (("profile-id", profile), ("tier-flag", "0"), ("level-id", "153"))
        yield _with_rtx("H265", next(numbers), (*parameters, ("tx-mode", "SRST")))
    for mode in ("1", "0"):
        for profile_level_id in _RARE_H264 if mode == "1" else _RARE_H264_OF_MODE_0:
            yield _with_rtx("H264", next(numbers), _h264(profile_level_id, mode=mode))
    # RFC 9628 section 6: 10 or 12 bits a sample, or other chroma than 4:2:0.
    for profile in ("1", "2", "3"):
        yield _with_rtx("VP9", next(numbers), (("profile-id", profile),))
    for profile in ("1", "2"):
        yield _with_rtx("AV1", next(numbers), (("profile", profile),))


def _audio_codec(
    name: str,
    *,
    payload_type: int,
    clock_rate: int,
    channels: int = 1,
    parameters: tuple[tuple[str, str | None], ...] = (),
) -> Codec:
    return Codec(
        kind=MediaKind.AUDIO,
        name=name,
        payload_type=payload_type,
        clock_rate=clock_rate,
        channels=channels,
        parameters=parameters,
        feedback=() if name.lower() in _WITHOUT_LIBRARY else _AUDIO_FEEDBACK,
    )


def _with_rtx(
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


def _h264(profile_level_id: str, *, mode: str = "1") -> tuple[tuple[str, str | None], ...]:
    return (
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", mode),
        ("profile-level-id", profile_level_id),
    )
