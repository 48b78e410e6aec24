"""Codecs of an m-section: matching with those of the peer, and their payload types.

Our codecs are matched with those that the peer describes (RFC 9429 section 5.3). A payload type in
the descriptions in force keeps its meaning in the next one (RFC 3264 section 8.3.2), and under
BUNDLE in all m-sections (RFC 9143 section 9.1.1); so does the id of a header extension (RFC 8285
section 5).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from peer.codec_format import is_named, same_codec
from peer.negotiation.fmtp import answered_parameters
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import Side
from peer.rtp_parameters import (
    Codec,
    Feedback,
    HeaderExtension,
    MediaKind,
    RtpCapabilities,
)
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from peer.negotiation.sdp.attributes import Fmtp, RtcpFeedback, RtpMap
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import Session, Transceiver

#: Codecs of payload types that need no `a=rtpmap`: name, clock rate in Hz, channels (RFC 3551 6).
_STATIC = {
    0: ("PCMU", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
}

_NACK = Feedback("nack")
#: Lists of codecs, of those read last, that are not worked out anew (ours).
_KEPT = 64
#: Payload types to assign: dynamic ones (RFC 3551 section 6), then those that RFC 5761 4 leaves.
_PAYLOAD_TYPES = (*range(96, 128), *range(35, 64))
#: Extension ids to assign: those of the one-byte header (RFC 8285 section 4.2).
_EXTENSION_IDS = range(1, 15)


def described_codecs(section: MediaSection, kind: MediaKind) -> tuple[Codec, ...]:
    """Read the codecs of an m-section, in its order of preference."""
    return _described(
        section.media_line.formats,
        tuple(section.rtpmaps),
        tuple(section.fmtps),
        tuple(section.rtcp_feedback),
        kind,
    )


# The m-sections of a description mostly have the same codecs, and each is read several times.
@lru_cache(maxsize=_KEPT)
def _described(
    formats: tuple[str, ...],
    named: tuple[RtpMap, ...],
    described: tuple[Fmtp, ...],
    asked: tuple[RtcpFeedback, ...],
    kind: MediaKind,
) -> tuple[Codec, ...]:
    rtpmaps = {rtpmap.payload_type: rtpmap for rtpmap in named}
    parameters = {fmtp.payload_type: fmtp.parameters for fmtp in described}
    feedback = _feedback(asked)
    codecs: list[Codec] = []
    for payload_type in _payload_types(formats):
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
                feedback=feedback.get(payload_type, feedback[None]),
            )
        )
    return tuple(codecs)


def _feedback(asked: Iterable[RtcpFeedback]) -> dict[int | None, tuple[Feedback, ...]]:
    """Read the feedback of each payload type; under None, that of those which have none alone."""
    found: dict[int | None, dict[Feedback, None]] = {None: {}}
    for each in asked:
        found.setdefault(each.payload_type, {})[Feedback(each.type, each.parameter)] = None
    shared = found[None]
    return {number: tuple({**own, **shared}) for number, own in found.items()}


def offered_codecs(
    capabilities: RtpCapabilities, direction: MediaDirection, preferences: Sequence[str] = ()
) -> tuple[Codec, ...]:
    """List our codecs for an m-section, in the order preferred.

    Those that we only decode are among them where we do not send, and those that we offer to nobody
    where the application names them: it may have frames that are encoded already.

    Args:
        capabilities: Our codecs.
        direction: Direction that we describe.
        preferences: MIME types in the order preferred; empty for our own order.
    """
    codecs = capabilities.codecs
    if not direction.sends:
        codecs += capabilities.receive_only
    asked = [each for each in preferences if not any(is_named(codec, each) for codec in codecs)]
    others = (
        *capabilities.receive_only,
        *capabilities.accepted,
        *capabilities.accepted_receive_only,
    )
    named = {c.payload_type for c in others if any(is_named(c, each) for each in asked)}
    codecs += tuple(c for c in others if c.payload_type in named or c.apt in named)
    return preferred(codecs, preferences)


def taken_codecs(
    capabilities: RtpCapabilities,
    direction: MediaDirection,
    preferences: Sequence[str],
    offered: Sequence[Codec],
) -> tuple[Codec, ...]:
    """Give the codecs of our answer to an m-section, empty where it has none for us.

    Where it has none of those that we offer ourselves, others are taken that we accept; so the
    answer to an offer of many codecs stays short. Those that we only decode come last: with them
    alone we do not send (see `described_direction`).

    Args:
        capabilities: Our codecs.
        direction: Direction that both ends want, seen from here.
        preferences: MIME types in the order preferred; empty for the order of the offer.
        offered: Codecs of the peer's m-section.
    """
    decoded = (*capabilities.receive_only, *capabilities.accepted_receive_only)
    accepted = capabilities.accepted if direction.sends else (*capabilities.accepted, *decoded)
    rare = () if preferences else tuple(c for c in capabilities.accepted if c.is_auxiliary)
    choices = [(*offered_codecs(capabilities, direction, preferences), *rare)]
    choices += [preferred(accepted, preferences)]
    choices += [preferred(decoded, preferences)] if direction.receives else []
    for ours in choices:
        answered = answered_codecs(ours, offered)
        if media_first(answered):
            # RFC 9429 section 5.3.1: our preferences, where there are any, set the order.
            return preferred(answered, preferences)
    return ()


def described_direction(
    capabilities: RtpCapabilities,
    direction: MediaDirection,
    preferences: Sequence[str],
    codecs: Sequence[Codec],
) -> MediaDirection:
    """Give the direction to describe with codecs: without sending where we could send in none.

    Args:
        capabilities: Our codecs.
        direction: Direction of the transceiver.
        preferences: MIME types that the application has named: it may pass on encoded frames.
        codecs: Codecs agreed on; none leave the direction as it is.
    """
    media = [codec for codec in codecs if not codec.is_auxiliary]
    encoded = (*capabilities.codecs, *capabilities.accepted)
    if not media or any(
        _match(codec, encoded) is not None or any(is_named(codec, each) for each in preferences)
        for codec in media
    ):
        return direction
    return direction.intersect(MediaDirection.RECVONLY)


def wanted_direction(
    capabilities: Mapping[MediaKind, RtpCapabilities], transceiver: Transceiver
) -> MediaDirection:
    """Give the direction that an offer of ours describes (see `described_direction`)."""
    return described_direction(
        capabilities[transceiver.kind],
        transceiver.direction,
        transceiver.preferences,
        () if transceiver.agreement is None else transceiver.agreement.send,
    )


def agreed_besides(
    ours: Sequence[Codec], agreed: Sequence[Codec], preferences: Sequence[str]
) -> tuple[Codec, ...]:
    """List agreed codecs that are none of ours to offer, each with its RTX: the peer offered them.

    Args:
        ours: Codecs that we offer.
        agreed: Codecs agreed on, with our payload types.
        preferences: MIME types that the application has named; empty for all.
    """
    others = {c.payload_type for c in agreed if not c.is_auxiliary and _match(c, ours) is None}
    return preferred(
        [codec for codec in agreed if codec.payload_type in others or codec.apt in others],
        preferences,
    )


def shared_codecs(own: Sequence[Codec], other: Sequence[Codec]) -> tuple[Codec, ...]:
    """Keep the codecs of one end that the other has too, in the order of the one end.

    Feedback is kept where both have it, an RTX codec where both have one for the same codec.
    """
    return _shared(tuple(own), tuple(other))


@lru_cache(maxsize=_KEPT)
def _shared(own: tuple[Codec, ...], other: tuple[Codec, ...]) -> tuple[Codec, ...]:
    shared: list[Codec] = []
    for codec in own:
        match = _red_of(codec, own, other) if codec.is_red else _match(codec, other)
        if match is None or codec.is_rtx:
            continue
        feedback = tuple(item for item in codec.feedback if item in match.feedback)
        shared.append(replace(codec, feedback=feedback))
        rtx, their_rtx = _rtx_of(codec, own), _rtx_of(match, other)
        if rtx is not None and their_rtx is not None:
            # RFC 4585 section 4.2: an answer has no feedback that we do not do, for RTX neither.
            feedback = tuple(item for item in rtx.feedback if item in their_rtx.feedback)
            shared.append(replace(rtx, feedback=feedback))
    return tuple(shared)


def answering_nack(shared: Sequence[Codec], ours: Sequence[Codec]) -> tuple[Codec, ...]:
    """Give codecs of sound as they are sent: NACK is answered wherever our description names it.

    RFC 4585 section 4.2 has an answer name what will be used. libwebrtc asks for lost sound where
    the offer names NACK, though its own answer does not.

    Args:
        shared: Codecs agreed on, as the peer describes them.
        ours: Codecs of our description.
    """
    sent: list[Codec] = []
    for codec in shared:
        match = None if codec.is_auxiliary else _match(codec, ours)
        if match is not None and _NACK in match.feedback and _NACK not in codec.feedback:
            codec = replace(codec, feedback=(_NACK, *codec.feedback))
        sent.append(codec)
    return tuple(sent)


def answered_codecs(ours: Sequence[Codec], offered: Sequence[Codec]) -> tuple[Codec, ...]:
    """Match our codecs with an offer: its order and payload types, the parameters of an answer.

    RFC 3264 section 6.1 has the answerer keep the payload types.
    """
    answered: list[Codec] = []
    for codec in shared_codecs(offered, ours):
        match = None if codec.is_rtx else _match(codec, ours)
        if match is not None:
            codec = replace(codec, parameters=answered_parameters(match, codec))
        answered.append(codec)
    return tuple(answered)


def media_first(codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Put codecs that carry media in front; no codec is left where none carries media."""
    media = [codec for codec in codecs if not codec.is_auxiliary]
    return (*media, *(codec for codec in codecs if codec.is_auxiliary)) if media else ()


def prefers_redundancy(shared: Sequence[Codec], preferences: Sequence[str]) -> bool:
    """Tell whether one end puts redundant data (RFC 2198) before all codecs, as libwebrtc does it.

    Args:
        shared: Codecs agreed on, in the order of the peer.
        preferences: MIME types in the order that we prefer.
    """
    first = next(iter(shared), None)
    red = next((codec for codec in shared if codec.is_red), None)
    if first is None or red is None:
        return False
    return first.is_red or any(is_named(red, each) for each in preferences[:1])


def preferred(codecs: Sequence[Codec], preferences: Sequence[str]) -> tuple[Codec, ...]:
    """Order codecs by preferences, each with its RTX, and drop others; no preference keeps all."""
    if not preferences:
        return tuple(codecs)
    codecs = [
        codec for codec in codecs if not codec.is_red or _is_wanted(codec, codecs, preferences)
    ]
    chosen: list[Codec] = []
    for preference in preferences:
        for codec in codecs:
            if is_named(codec, preference) and codec not in chosen:
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


def codec_lines(codecs: Iterable[Codec]) -> tuple[Line, ...]:
    """Make the `a=rtpmap`, `a=rtcp-fb` and `a=fmtp` lines of codecs."""
    return _lines(tuple(codecs))


@lru_cache(maxsize=_KEPT)
def _lines(codecs: tuple[Codec, ...]) -> tuple[Line, ...]:
    return tuple(line for codec in codecs for line in _lines_of(codec))


def _lines_of(codec: Codec) -> Iterable[Line]:
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


def _match(codec: Codec, codecs: Sequence[Codec]) -> Codec | None:
    return next((candidate for candidate in codecs if same_codec(candidate, codec)), None)


def _rtx_of(codec: Codec, codecs: Sequence[Codec]) -> Codec | None:
    return next((c for c in codecs if c.is_rtx and c.apt == codec.payload_type), None)


def _primary_of(red: Codec, codecs: Sequence[Codec]) -> Codec | None:
    return next((c for c in codecs if c.payload_type == red.accompanied and not c.is_red), None)


def _red_of(red: Codec, own: Sequence[Codec], other: Sequence[Codec]) -> Codec | None:
    """Find the RED codec of the other end that is of the same codec as that of the one end."""
    primary = _primary_of(red, own)
    if primary is None:
        return None
    for candidate in other:
        theirs = _primary_of(candidate, other) if candidate.is_red else None
        if theirs is not None and same_codec(candidate, red) and same_codec(theirs, primary):
            return candidate
    return None


def _is_wanted(red: Codec, codecs: Sequence[Codec], preferences: Sequence[str]) -> bool:
    """Tell whether the codec of redundant data is preferred as well."""
    primary = _primary_of(red, codecs)
    return primary is not None and any(is_named(primary, each) for each in preferences)


def _payload_types(formats: Iterable[str]) -> Iterable[int]:
    return dict.fromkeys(
        int(word) for word in formats if word.isascii() and word.isdigit() and int(word) < 128
    )


class PayloadTypeAllocator:
    """Assigns payload types and extension ids that contradict nothing in the session."""

    def __init__(self, session: Session) -> None:
        self._codecs: dict[int, Codec] = {}
        self._extensions: dict[int, str] = {}
        described = [each.sdp for each in map(session.description, Side) if each is not None]
        # What was agreed goes first: the peer may have offered another meaning of an id as well.
        agreed = [] if session.answer is None else [session.answer]
        for section in (section for sdp in (*agreed, *described) for section in sdp.media):
            if section.kind is not None:
                self._learn(described_codecs(section, section.kind))
                for item in section.extmaps:
                    self._extensions.setdefault(item.id, item.uri)

    def codecs(self, ours: Sequence[Codec]) -> tuple[Codec, ...]:
        """Give our codecs with the payload types that they have in this session.

        A codec for which the peer has left no payload type is left out.
        """
        numbered: list[Codec] = []
        # RED may come before the codec whose payload type it names.
        media = {
            codec.payload_type: self._numbered(codec)
            for codec in ours
            if not (codec.is_rtx or codec.is_red)
        }
        for codec in ours:
            if codec.is_rtx:
                continue
            named = self._red(codec, media) if codec.is_red else media[codec.payload_type]
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

    def _red(self, codec: Codec, media: Mapping[int, Codec | None]) -> Codec | None:
        numbers = [media.get(each) for each in codec.redundant]
        names = [str(each.payload_type) for each in numbers if each is not None]
        if not names or len(names) < len(numbers):
            return None
        return self._numbered(replace(codec, parameters=(("/".join(names), None),)))

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
    if codec.is_red and known.accompanied != codec.accompanied:
        return False
    return same_codec(known, codec)
