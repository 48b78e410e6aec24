"""Codecs of an m-section: matching with those of the peer, and their payload types.

Our codecs are matched with those that the peer describes (RFC 9429 section 5.3). A payload type in
the descriptions in force keeps its meaning in the next one (RFC 3264 section 8.3.2), and under
BUNDLE in all m-sections (RFC 9143 section 9.1.1); so does the id of a header extension (RFC 8285
section 5).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import Side
from peer.rtp_parameters import (
    Codec,
    Feedback,
    HeaderExtension,
    MediaKind,
    RtpCapabilities,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.negotiation.sdp.attributes import MediaDirection
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import Session

#: Codecs of payload types that need no `a=rtpmap`: name, clock rate in Hz, channels (RFC 3551 6).
_STATIC = {
    0: ("PCMU", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
}

#: profile-level-id of H.264 where it is missing: baseline, level 3.1, as browsers read it. RFC 6184
#: section 8.1 has level 1.
_H264_DEFAULT_PROFILE = "42e01f"
#: Payload types to assign: dynamic ones (RFC 3551 section 6), then those that RFC 5761 4 leaves.
_PAYLOAD_TYPES = (*range(96, 128), *range(35, 64))
#: Extension ids to assign: those of the one-byte header (RFC 8285 section 4.2).
_EXTENSION_IDS = range(1, 15)


def described_codecs(section: MediaSection, kind: MediaKind) -> tuple[Codec, ...]:
    """Read the codecs of an m-section, in its order of preference."""
    rtpmaps = {rtpmap.payload_type: rtpmap for rtpmap in section.rtpmaps}
    parameters = {fmtp.payload_type: fmtp.parameters for fmtp in section.fmtps}
    codecs: list[Codec] = []
    for payload_type in _payload_types(section.media_line.formats):
        if payload_type in rtpmaps:
            rtpmap = rtpmaps[payload_type]
            name, clock_rate, channels = rtpmap.name, rtpmap.clock_rate, rtpmap.channels
        elif payload_type in _STATIC:
            name, clock_rate, channels = _STATIC[payload_type]
        else:
            continue
        codecs.append(
            Codec(
                kind=kind,
                name=name,
                payload_type=payload_type,
                clock_rate=clock_rate,
                channels=(channels or 1) if kind is MediaKind.AUDIO else None,
                parameters=parameters.get(payload_type, ()),
                feedback=tuple(
                    dict.fromkeys(
                        Feedback(feedback.type, feedback.parameter)
                        for feedback in section.rtcp_feedback
                        if feedback.payload_type in (None, payload_type)
                    )
                ),
            )
        )
    return tuple(codecs)


def offered_codecs(capabilities: RtpCapabilities, direction: MediaDirection) -> tuple[Codec, ...]:
    """List our codecs for an m-section, with those that we only decode where we do not send."""
    if direction.sends:
        return capabilities.codecs
    return (*capabilities.codecs, *capabilities.receive_only)


def shared_codecs(own: Sequence[Codec], other: Sequence[Codec]) -> tuple[Codec, ...]:
    """Keep the codecs of one end that the other has too, in the order of the one end.

    Feedback is kept where both have it, an RTX codec where both have one for the same codec.
    """
    shared: list[Codec] = []
    for codec in own:
        match = None if codec.is_rtx else _match(codec, other)
        if match is None:
            continue
        feedback = tuple(item for item in codec.feedback if item in match.feedback)
        shared.append(replace(codec, feedback=feedback))
        rtx, their_rtx = _rtx_of(codec, own), _rtx_of(match, other)
        if rtx is not None and their_rtx is not None:
            # RFC 4585 section 4.2: an answer has no feedback that we do not do, for RTX neither.
            feedback = tuple(item for item in rtx.feedback if item in their_rtx.feedback)
            shared.append(replace(rtx, feedback=feedback))
    return tuple(shared)


def answered_codecs(ours: Sequence[Codec], offered: Sequence[Codec]) -> tuple[Codec, ...]:
    """Give the codecs of our answer: order and payload types of the offer, our parameters.

    RFC 3264 section 6.1 has the answerer keep the payload types.
    """
    answered: list[Codec] = []
    for codec in shared_codecs(offered, ours):
        match = None if codec.is_rtx else _match(codec, ours)
        answered.append(codec if match is None else replace(codec, parameters=match.parameters))
    return tuple(answered)


def media_first(codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Put codecs that carry media in front; no codec is left where none carries media."""
    media = [codec for codec in codecs if not codec.is_auxiliary]
    return (*media, *(codec for codec in codecs if codec.is_auxiliary)) if media else ()


def common_extensions(
    ours: Sequence[HeaderExtension], theirs: Sequence[HeaderExtension]
) -> tuple[HeaderExtension, ...]:
    """Keep the header extensions of the offer that we have, with their ids (RFC 8285 section 5)."""
    uris = {extension.uri for extension in ours}
    common: dict[str, HeaderExtension] = {}
    taken: set[int] = set()
    for extension in theirs:
        # RFC 8285 section 5: an id from 4096 on only waits for one that fits a header.
        if extension.uri in uris and extension.id < 256 and extension.id not in taken:
            common.setdefault(extension.uri, extension)
            taken.add(extension.id)
    return tuple(common.values())


def preferred(codecs: Sequence[Codec], preferences: Sequence[str]) -> tuple[Codec, ...]:
    """Order codecs by MIME types, each with its RTX, and drop others; no MIME type keeps all."""
    if not preferences:
        return tuple(codecs)
    chosen: list[Codec] = []
    for mime_type in preferences:
        for codec in codecs:
            if codec.mimeType.lower() == mime_type.lower() and codec not in chosen:
                chosen.append(codec)
                rtx = _rtx_of(codec, codecs)
                if rtx is not None:
                    chosen.append(rtx)
    return tuple(chosen)


def in_order_of(section: MediaSection, codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Order codecs as an m-section lists them, the others after those."""
    order = {payload_type: i for i, payload_type in enumerate(section.media_line.formats)}
    last = len(order)
    return tuple(sorted(codecs, key=lambda c: order.get(str(c.payload_type), last)))


def codec_lines(codecs: Iterable[Codec]) -> Iterable[Line]:
    """Make the `a=rtpmap`, `a=rtcp-fb` and `a=fmtp` lines of codecs."""
    for codec in codecs:
        # RFC 8866 section 6.6: the channel count is left out where it is 1.
        channels = f"/{codec.channels}" if codec.channels not in (None, 1) else ""
        name = f"{codec.name}/{codec.clock_rate}{channels}"
        yield Line.attribute("rtpmap", f"{codec.payload_type} {name}")
        for feedback in codec.feedback:
            words = [str(codec.payload_type), feedback.type, feedback.parameter or ""]
            yield Line.attribute("rtcp-fb", " ".join(words).rstrip())
        if codec.parameters:
            pairs = ";".join(k if v is None else f"{k}={v}" for k, v in codec.parameters)
            yield Line.attribute("fmtp", f"{codec.payload_type} {pairs}")


def same_codec(one: Codec, other: Codec) -> bool:
    """Tell whether a stream of one codec can be decoded as the other."""
    if (
        one.kind is not other.kind
        or one.name.lower() != other.name.lower()
        or one.clock_rate != other.clock_rate
        or (one.channels or 1) != (other.channels or 1)
    ):
        return False
    match one.name.lower():
        case "h264":
            return _h264_configuration(one) == _h264_configuration(other)
        case "vp9":
            return (one.parameter("profile-id") or "0") == (other.parameter("profile-id") or "0")
        case "av1":
            return (one.parameter("profile") or "0") == (other.parameter("profile") or "0")
        case _:
            return True


def _h264_configuration(codec: Codec) -> tuple[str, str]:
    """Give packetization mode and profile; the level is each end's own (RFC 6184 8.2.2)."""
    profile = (codec.parameter("profile-level-id") or _H264_DEFAULT_PROFILE).lower()
    return codec.parameter("packetization-mode") or "0", _h264_profile(profile)


def _h264_profile(profile_level_id: str) -> str:
    try:
        idc, iop = int(profile_level_id[0:2], 16), int(profile_level_id[2:4], 16)
    except ValueError:
        return profile_level_id
    # RFC 6184 table 5: constrained baseline hides behind several pairs of idc and iop.
    constrained = {0x42: 0x40, 0x4D: 0x80, 0x58: 0xC0}.get(idc)
    if constrained is not None and iop & constrained == constrained:
        return "constrained-baseline"
    if idc == 0x42:
        return "baseline"
    return f"{idc:02x}{iop & 0xFC:02x}"


def _match(codec: Codec, codecs: Sequence[Codec]) -> Codec | None:
    return next((candidate for candidate in codecs if same_codec(candidate, codec)), None)


def _rtx_of(codec: Codec, codecs: Sequence[Codec]) -> Codec | None:
    return next((c for c in codecs if c.is_rtx and c.apt == codec.payload_type), None)


def _payload_types(formats: Iterable[str]) -> Iterable[int]:
    return dict.fromkeys(
        int(word) for word in formats if word.isascii() and word.isdigit() and int(word) < 128
    )


class PayloadTypeAllocator:
    """Assigns payload types and extension ids that contradict nothing in the session."""

    def __init__(self, session: Session) -> None:
        self._codecs: dict[int, Codec] = {}
        self._extensions: dict[int, str] = {}
        for side in Side:
            described = session.description(side)
            for section in described.sdp.media if described else ():
                if section.kind is not None:
                    self._learn(described_codecs(section, section.kind))
                    self._extensions.update({e.id: e.uri for e in section.extmaps})

    def codecs(self, ours: Sequence[Codec]) -> tuple[Codec, ...]:
        """Give our codecs with the payload types that they have in this session.

        A codec for which the peer has left no payload type is left out.
        """
        numbered: list[Codec] = []
        for codec in ours:
            if codec.is_rtx:
                continue
            named = self._numbered(codec)
            if named is None:
                continue
            numbered.append(named)
            rtx = next((c for c in ours if c.is_rtx and c.apt == codec.payload_type), None)
            if rtx is not None:
                apt = (("apt", str(named.payload_type)),)
                repair = self._numbered(replace(rtx, parameters=apt))
                numbered += [repair] if repair is not None else []
        return tuple(numbered)

    def extensions(self, ours: Sequence[HeaderExtension]) -> tuple[HeaderExtension, ...]:
        """Give our header extensions with their ids, without those that find no free id."""
        numbered = (self._extension(item) for item in ours)
        return tuple(item for item in numbered if item is not None)

    def _learn(self, codecs: Iterable[Codec]) -> None:
        for codec in codecs:
            self._codecs.setdefault(codec.payload_type, codec)

    def _numbered(self, codec: Codec) -> Codec | None:
        known = (n for n, other in self._codecs.items() if _interchangeable(other, codec))
        own = (n for n in (codec.payload_type, *_PAYLOAD_TYPES) if n not in self._codecs)
        number = next(chain(known, own), None)
        if number is None:
            return None
        named = replace(codec, payload_type=number)
        self._codecs[number] = named
        return named

    def _extension(self, extension: HeaderExtension) -> HeaderExtension | None:
        known = (n for n, uri in self._extensions.items() if uri == extension.uri)
        own = (n for n in (extension.id, *_EXTENSION_IDS) if n not in self._extensions)
        number = next(chain(known, own), None)
        if number is None:
            return None
        self._extensions[number] = extension.uri
        return HeaderExtension(number, extension.uri)


def _interchangeable(known: Codec, codec: Codec) -> bool:
    if codec.is_rtx:
        return known.is_rtx and known.kind is codec.kind and known.apt == codec.apt
    return same_codec(known, codec)
