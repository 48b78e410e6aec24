"""The RTP payload format of H.265 (RFC 7798), without decoding order numbers. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.division import split_evenly
from peer.rtp.formats.h264_bitstream import START_CODE, nal_units
from peer.rtp.formats.h265_bitstream import (
    HEADER,
    PARAMETER_SETS,
    RANDOM_ACCESS,
    H265NalType,
    nal_type,
    parameter_set_key,
    picture_size,
    reorder_depth,
)
from peer.rtp.formats.nal_packets import (
    aggregated,
    joined,
    keyframe_shape,
    packed,
    sets_in_front,
)
from peer.rtp.formats.parameter_sets import ParameterSets
from peer.rtp.formats.payload_format import Begins, FrameShape
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Types of payloads (RFC 7798 section 4.4).
_AGGREGATE = 48
_FRAGMENT = 49
_PACI = 50
#: Bits of the first byte of a payload that are not its type: F, and the high one of the layer.
_NOT_TYPE = 0x81
_FORBIDDEN = 0x80
#: The third byte of a fragment (RFC 7798 section 4.4.3).
_STARTS = 0x80
_ENDS = 0x40
_FU_TYPE = 0x3F
_FU_HEADER = HEADER + 1
#: Layer and temporal id in the two bytes of a header (RFC 7798 section 1.1.4).
_LAYER = 0x1F8
_TEMPORAL_ID = 0x07

#: The first bit of a slice: first_slice_segment_in_pic_flag (ITU-T H.265 section 7.3.6.1).
_FIRST_SLICE = 0x80
#: Types that begin an access unit behind a picture (ITU-T H.265 section 7.4.2.4.4).
_HEADS = frozenset(
    (
        *PARAMETER_SETS,
        H265NalType.DELIMITER,
        H265NalType.PREFIX_SEI,
        *range(H265NalType.FIRST_RESERVED_HEAD, H265NalType.LAST_RESERVED_HEAD + 1),
    )
)

# The end of a start code of either length.
_START = START_CODE[1:]

_NO_KEYFRAME = FrameShape(keyframe=False)


class H265Format:
    """Packetizes and assembles access units in Annex B form, with start codes of four bytes.

    A key frame can be decoded with nothing else: it is a random access picture with its parameter
    sets. Where those came earlier, or in the description, `assemble` puts the last ones in front.

    Args:
        described: Parameter sets that the peer's description has.
    """

    packet_is_frame = False

    def __init__(self, *, described: tuple[bytes, ...] = ()) -> None:
        self._sets = ParameterSets(parameter_set_key, described)

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Put small NAL units together, and large ones in parts; leave out delimiters and filler.

        Raises:
            MalformedError: It is not an access unit.
        """
        if not frame:
            return []
        units = [unit for unit in nal_units(frame) if _is_worth_sending(unit)]
        return list(packed(units, limit, header=HEADER, aggregate=_aggregate, fragments=_fragments))

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a parameter set or a random access picture begins in the payload."""
        if len(payload) <= HEADER:
            return False
        kind = nal_type(payload[0])
        if kind == _FRAGMENT:
            return payload[HEADER] & _STARTS != 0 and payload[HEADER] & _FU_TYPE in RANDOM_ACCESS
        if kind == _AGGREGATE:
            try:
                return any(_begins_keyframe(nal_type(unit[0])) for unit in _aggregated(payload))
            except MalformedError:
                return False
        return _begins_keyframe(kind)

    def begins(self, payload: bytes) -> Begins:
        """Tell what begins in a payload; a malformed one counts as a picture."""
        try:
            kind = nal_type(payload[0])
            if kind == _FRAGMENT:
                header = payload[HEADER]
                if not header & _STARTS:
                    return Begins.NOTHING
                return _begins(header & _FU_TYPE, payload, at=_FU_HEADER)
            if kind == _AGGREGATE:
                return _aggregate_begins(_aggregated(payload))
            return _begins(kind, payload, at=HEADER)
        except (IndexError, MalformedError):
            return Begins.PICTURE

    def same_picture(self, *, first: bytes, other: bytes) -> bool | None:
        """Tell whether the slices that begin in two payloads are of one picture.

        The first of each picture is marked (ITU-T H.265 section 7.4.2.4.5).
        """
        del first
        return self.begins(other) is Begins.SLICE

    def reorder_depth(self, frame: bytes) -> int | None:
        """The most pictures that come before one that is shown earlier; None where it is unsaid."""
        sets = (unit for unit in nal_units(frame) if nal_type(unit[0]) == H265NalType.SPS)
        try:
            return max((depth for sps in sets if (depth := reorder_depth(sps))), default=None)
        except MalformedError:
            return None

    def learn(self, payloads: Sequence[bytes]) -> None:
        """Keep the parameter sets among payloads that make no access unit, or none yet."""
        for payload in payloads:
            try:
                units = _whole_units(payload, nal_type(payload[0]))
            except (IndexError, MalformedError):
                continue
            for unit in units:
                self._sets.add(unit)

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join the access unit, with the last parameter sets before a key picture without any."""
        pieces: list[bytes] = []
        kinds: set[int] = set()
        # The type of the NAL unit whose fragments have begun and not ended.
        fragment: int | None = None
        for payload in payloads:
            kind = nal_type(payload[0]) if payload else 0
            if len(payload) < (_FU_HEADER if kind == _FRAGMENT else HEADER):
                raise MalformedError("an H.265 packet ends too early")
            if kind == _FRAGMENT:
                fragment = _add_fragment(pieces, payload, fragment)
                kinds.add(payload[HEADER] & _FU_TYPE)
                continue
            if fragment is not None:
                raise MalformedError("an H.265 fragment without its end")
            for unit in _whole_units(payload, kind):
                pieces += (START_CODE, unit)
                kinds.add(nal_type(unit[0]))
                self._sets.add(unit)
        if fragment is not None or not pieces:
            raise MalformedError("an H.265 fragment without its end, or no NAL unit at all")
        if not kinds.isdisjoint(RANDOM_ACCESS) and not kinds.issuperset(PARAMETER_SETS):
            delimited = nal_type(pieces[1][0]) == H265NalType.DELIMITER
            return sets_in_front(pieces, self._sets, delimited=delimited)
        return b"".join(pieces)

    def describe(self, frame: bytes) -> FrameShape:
        """Describe an access unit: a key frame has a random access picture after its sets."""
        sps: bytes | None = None
        at = frame.find(_START)
        while at >= 0:
            at += len(_START)
            kind = nal_type(frame[at]) if at < len(frame) else 0
            # The first slice says the type of the picture.
            end = frame.find(_START, at) if kind > H265NalType.LAST_SLICE else -1
            if kind == H265NalType.SPS:
                sps = frame[at : end if end >= 0 else None]
            elif kind in RANDOM_ACCESS and sps is not None:
                return keyframe_shape(sps, picture_size)
            at = end
        return _NO_KEYFRAME


def _begins_keyframe(kind: int) -> bool:
    return kind in PARAMETER_SETS or kind in RANDOM_ACCESS


def _is_worth_sending(unit: bytes) -> bool:
    # RFC 7798 section 4.4: other types have another meaning in a packet.
    kind = nal_type(unit[0])
    if len(unit) < HEADER or kind > H265NalType.LAST:
        raise MalformedError(f"a NAL unit of type {kind}")
    return kind not in (H265NalType.DELIMITER, H265NalType.FILLER)


def _aggregate(units: list[bytes]) -> bytes:
    """Make an aggregation packet of NAL units (RFC 7798 section 4.4.2)."""
    headers = [int.from_bytes(unit[:HEADER], "big") for unit in units]
    # F where any has it; the lowest layer and temporal id of all.
    forbidden = max(unit[0] & _FORBIDDEN for unit in units) << 8
    layer = min(header & _LAYER for header in headers)
    temporal_id = min(header & _TEMPORAL_ID for header in headers)
    header = forbidden | _AGGREGATE << 9 | layer | temporal_id
    return joined(header.to_bytes(HEADER, "big"), units)


def _fragments(unit: bytes, limit: int) -> Iterator[bytes]:
    """Make fragmentation units of a NAL unit, whose header theirs say (RFC 7798 section 4.4.3)."""
    head = bytes((unit[0] & _NOT_TYPE | _FRAGMENT << 1, unit[1]))
    flags = _STARTS | nal_type(unit[0])
    parts = split_evenly(unit[HEADER:], limit - _FU_HEADER)
    for number, part in enumerate(parts, 1):
        if number == len(parts):
            flags |= _ENDS
        yield b"".join((head, bytes((flags,)), part))
        flags &= ~_STARTS


def _begins(kind: int, unit: bytes, *, at: int) -> Begins:
    """Tell what a NAL unit begins, by its type, its header and its contents from an offset on."""
    # Enhancement layers follow the base layer (ITU-T H.265 section F.7.4.2.4.4).
    if unit[0] & 1 or unit[1] >> 3:
        return Begins.TRAILER
    if kind <= H265NalType.LAST_SLICE:
        return Begins.PICTURE if unit[at] & _FIRST_SLICE else Begins.SLICE
    if kind in _HEADS:
        return Begins.HEAD
    # What nobody can read is left to `assemble` to refuse.
    return Begins.PICTURE if kind == _PACI else Begins.TRAILER


def _aggregate_begins(units: list[bytes]) -> Begins:
    found = Begins.TRAILER
    for unit in units:
        begins = _begins(nal_type(unit[0]), unit, at=HEADER)
        match begins:
            case Begins.PICTURE:
                return begins
            case Begins.SLICE:
                return begins if found is Begins.TRAILER else Begins.PICTURE
            case Begins.HEAD:
                found = begins
            case _:
                pass
    return found


def _add_fragment(pieces: list[bytes], payload: bytes, fragment: int | None) -> int | None:
    """Add the pieces of a fragment; returns the type of its NAL unit until that has ended."""
    flags = payload[HEADER]
    kind = flags & _FU_TYPE
    if flags & _STARTS:
        if fragment is not None:
            raise MalformedError("an H.265 fragment without its end")
        pieces += (START_CODE, bytes((payload[0] & _NOT_TYPE | kind << 1, payload[1])))
    elif kind != fragment:
        raise MalformedError("an H.265 fragment without its beginning")
    pieces.append(payload[_FU_HEADER:])
    return None if flags & _ENDS else kind


def _whole_units(payload: bytes, kind: int) -> Sequence[bytes]:
    """The NAL units of a payload that is no fragment."""
    if kind <= H265NalType.LAST:
        return (payload,)
    if kind == _AGGREGATE:
        return _aggregated(payload)
    if kind == _PACI:
        raise MalformedError("an H.265 packet with a PACI header, which no answer of ours allows")
    # RFC 7798 section 4.4: other types are not specified, and passed over.
    return ()


def _aggregated(payload: bytes) -> list[bytes]:
    """The NAL units of an aggregation packet (RFC 7798 section 4.4.2)."""
    return aggregated(payload, header=HEADER, is_unit=_is_unit, codec="H.265")


def _is_unit(unit: bytes) -> bool:
    return len(unit) >= HEADER and nal_type(unit[0]) <= H265NalType.LAST
