"""The RTP payload format of H.264 (RFC 6184), packetization modes 0 and 1. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.division import split_evenly
from peer.rtp.formats.h264_bitstream import (
    START_CODE,
    TYPE,
    NalType,
    nal_units,
    parameter_set_key,
    picture_size,
    reorder_depth,
)
from peer.rtp.formats.h264_slices import SLICE_OCTETS, slice_header
from peer.rtp.formats.nal_packets import (
    SIZE,
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

#: Types of payloads (RFC 6184 section 5.4, tables 1 and 3).
_STAP_A = 24
_FU_A = 28
# Payloads of the interleaved mode only: STAP-B, MTAP16, MTAP24, FU-B.
_INTERLEAVED = frozenset((25, 26, 27, 29))
#: The F and NRI bits of the first byte of every payload (RFC 6184 section 5.3).
_FORBIDDEN = 0x80
_IMPORTANCE = 0x60
#: The second byte of a fragment (RFC 6184 section 5.8).
_STARTS = 0x80
_ENDS = 0x40
_FU_HEADER = 2
#: Bytes before the first size in an aggregate (RFC 6184 section 5.7.1).
_STAP_HEADER = 1

# ITU-T H.264 table 7-1: the first slice, or part of one, says the type of the picture.
_SLICES = range(NalType.SLICE, NalType.IDR + 1)
_PARAMETER_SETS = {NalType.SPS, NalType.PPS}
_CODED_SLICES = frozenset((NalType.SLICE, NalType.PARTITION_A, NalType.IDR))
#: The first bit of a slice: first_mb_in_slice is 0 (ITU-T H.264 sections 7.3.3 and 9.1).
_FIRST_SLICE = 0x80
# ITU-T H.264 section 7.4.1.2.3: what begins an access unit behind a picture. A prefix stands before
# each slice (section G.7.4.1.2.3), so that it may be of the same picture.
_HEADS = frozenset(
    (
        NalType.SEI,
        NalType.SPS,
        NalType.PPS,
        NalType.DELIMITER,
        *range(NalType.PREFIX, NalType.LAST_RESERVED_HEAD + 1),
    )
)
# By type. Slices say it themselves; what nobody can read is left to `assemble` to refuse.
_BEGINS = tuple(
    Begins.HEAD if kind in _HEADS else Begins.PICTURE if kind in _INTERLEAVED else Begins.TRAILER
    for kind in range(TYPE + 1)
)
# The end of a start code of either length.
_START = START_CODE[1:]

_NO_KEYFRAME = FrameShape(keyframe=False)


class H264Format:
    """Packetizes and assembles access units in Annex B form, with start codes of four bytes.

    A key frame can be decoded with nothing else: it is an IDR picture with its parameter sets.
    Where those came earlier only, or in the description, `assemble` puts the last ones in front.

    Args:
        fragments: True where packetization mode 1 was agreed, so that a packet may hold several NAL
            units or a part of one. Both modes are read.
        described: Parameter sets that the peer's description has.
    """

    packet_is_frame = False

    def __init__(self, *, fragments: bool, described: tuple[bytes, ...] = ()) -> None:
        self._fragments = fragments
        self._sets = ParameterSets(parameter_set_key, described)

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Put small NAL units together, and large ones in parts; leave out delimiters and filler.

        In mode 0 each NAL unit goes alone, and one larger than the limit is a `MalformedError`.
        """
        if not frame:
            return []
        units = [unit for unit in nal_units(frame) if _is_worth_sending(unit)]
        if not self._fragments:
            # RFC 6184 section 6.2.
            if any(len(unit) > limit for unit in units):
                raise MalformedError("a NAL unit larger than a packet, in packetization mode 0")
            return units
        # RFC 6184 section 6.3.
        return list(
            packed(units, limit, header=_STAP_HEADER, aggregate=_aggregate, fragments=_fragments)
        )

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a sequence parameter set or an IDR slice begins in the payload."""
        if len(payload) < _FU_HEADER:
            return False
        kind = payload[0] & TYPE
        if kind == _FU_A:
            return payload[1] & _STARTS != 0 and payload[1] & TYPE == NalType.IDR
        if kind == _STAP_A:
            return _aggregates_keyframe(payload)
        return kind in (NalType.SPS, NalType.IDR)

    def begins(self, payload: bytes) -> Begins:
        """Tell what begins in a payload; a malformed one counts as a picture."""
        try:
            kind = payload[0] & TYPE
            if kind == _FU_A:
                header = payload[1]
                if not header & _STARTS:
                    return Begins.NOTHING
                return _begins(header & TYPE, payload[1:3])
            if kind == _STAP_A:
                return _aggregate_begins(_aggregated(payload))
            return _begins(kind, payload)
        except (IndexError, MalformedError):
            return Begins.PICTURE

    def same_picture(self, *, first: bytes, other: bytes) -> bool | None:
        """Tell whether the slices that begin in two payloads are of one picture.

        By their headers (ITU-T H.264 section 7.4.1.2.4); None where parameter sets are missing.
        """
        try:
            before, after = (
                slice_header(_slice_in(payload), self._sets.get) for payload in (first, other)
            )
        except (IndexError, MalformedError):
            return None
        return before.same_picture(after)

    def reorder_depth(self, frame: bytes) -> int | None:
        """The most pictures that come before one that is shown earlier; None where it is unsaid."""
        sets = (unit for unit in nal_units(frame) if unit[0] & TYPE == NalType.SPS)
        try:
            return max((depth for sps in sets if (depth := reorder_depth(sps))), default=None)
        except MalformedError:
            return None

    def learn(self, payloads: Sequence[bytes]) -> None:
        """Keep the parameter sets among payloads that make no access unit, or none yet."""
        for payload in payloads:
            try:
                units = _whole_units(payload, payload[0] & TYPE)
            except (IndexError, MalformedError):
                continue
            for unit in units:
                self._sets.add(unit)

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join the access unit, with the last parameter sets before an IDR picture without any."""
        pieces: list[bytes] = []
        kinds: set[int] = set()
        # The type of the NAL unit whose fragments have begun and not ended.
        fragment: int | None = None
        try:
            for payload in payloads:
                kind = payload[0] & TYPE
                if kind == _FU_A:
                    fragment = _add_fragment(pieces, payload, fragment)
                    kinds.add(payload[1] & TYPE)
                    continue
                if fragment is not None:
                    raise MalformedError("an H.264 fragment without its end")
                for unit in _whole_units(payload, kind):
                    pieces += (START_CODE, unit)
                    kinds.add(unit[0] & TYPE)
                    self._sets.add(unit)
        except IndexError:
            raise MalformedError("an H.264 packet ends too early") from None
        if fragment is not None or not pieces:
            raise MalformedError("an H.264 fragment without its end, or no NAL unit at all")
        if NalType.IDR in kinds and not kinds.issuperset(_PARAMETER_SETS):
            delimited = pieces[1][0] & TYPE == NalType.DELIMITER
            return sets_in_front(pieces, self._sets, delimited=delimited)
        return b"".join(pieces)

    def describe(self, frame: bytes) -> FrameShape:
        """Describe an access unit: a key frame where an IDR slice follows on parameter sets."""
        sps: bytes | None = None
        at = frame.find(_START)
        while at >= 0:
            at += len(_START)
            kind = frame[at] & TYPE if at < len(frame) else 0
            end = frame.find(_START, at) if kind not in _SLICES else -1
            if kind == NalType.SPS:
                sps = frame[at : end if end >= 0 else None]
            elif kind == NalType.IDR and sps is not None:
                return keyframe_shape(sps, picture_size)
            at = end
        return _NO_KEYFRAME


def _begins(kind: int, unit: bytes) -> Begins:
    """Tell what a NAL unit begins, by its type and its second octet."""
    if kind in _CODED_SLICES:
        return Begins.PICTURE if unit[1] & _FIRST_SLICE else Begins.SLICE
    return _BEGINS[kind]


def _aggregate_begins(units: list[bytes]) -> Begins:
    found = Begins.TRAILER
    for unit in units:
        begins = _begins(unit[0] & TYPE, unit)
        match begins:
            case Begins.PICTURE:
                return begins
            case Begins.SLICE:
                # Behind parameter sets or SEI only a picture can begin.
                return begins if found is Begins.TRAILER else Begins.PICTURE
            case Begins.HEAD if unit[0] & TYPE != NalType.PREFIX:
                found = begins
            case _:
                pass
    return found


def _slice_in(payload: bytes) -> bytes:
    """The beginning of the first slice that begins in a payload."""
    kind = payload[0] & TYPE
    if kind == _FU_A:
        head = bytes((payload[0] & (_FORBIDDEN | _IMPORTANCE) | payload[1] & TYPE,))
        return head + payload[_FU_HEADER : _FU_HEADER + SLICE_OCTETS]
    for unit in _whole_units(payload, kind):
        if unit[0] & TYPE in _CODED_SLICES:
            return unit[:SLICE_OCTETS]
    raise MalformedError("no slice in an H.264 packet")


def _aggregates_keyframe(payload: bytes) -> bool:
    # Most aggregates begin with a parameter set, and the rest need not be read.
    first = _STAP_HEADER + SIZE
    if len(payload) > first and payload[first] & TYPE == NalType.SPS:
        return True
    try:
        kinds = {unit[0] & TYPE for unit in _aggregated(payload)}
    except MalformedError:
        return False
    return NalType.SPS in kinds or NalType.IDR in kinds


def _is_worth_sending(unit: bytes) -> bool:
    kind = unit[0] & TYPE
    # RFC 6184 section 5.4: other types have another meaning in a packet.
    if not 0 < kind <= NalType.LAST:
        raise MalformedError(f"a NAL unit of type {kind}")
    return kind not in (NalType.DELIMITER, NalType.FILLER)


def _aggregate(units: list[bytes]) -> bytes:
    """Make a STAP-A of NAL units (RFC 6184 section 5.7.1)."""
    # Section 5.7: F where any has it, and the highest NRI.
    forbidden = max(unit[0] & _FORBIDDEN for unit in units)
    importance = max(unit[0] & _IMPORTANCE for unit in units)
    return joined(bytes((forbidden | importance | _STAP_A,)), units)


def _fragments(unit: bytes, limit: int) -> Iterator[bytes]:
    """Make FU-As of a NAL unit, whose first byte their two say (RFC 6184 section 5.8)."""
    indicator = unit[0] & (_FORBIDDEN | _IMPORTANCE) | _FU_A
    header = _STARTS | unit[0] & TYPE
    parts = split_evenly(unit[1:], limit - _FU_HEADER)
    for number, part in enumerate(parts, 1):
        if number == len(parts):
            header |= _ENDS
        yield bytes((indicator, header)) + part
        header &= ~_STARTS


def _add_fragment(pieces: list[bytes], payload: bytes, fragment: int | None) -> int | None:
    """Add the pieces of a fragment; returns the type of its NAL unit until that has ended."""
    header = payload[1]
    kind = header & TYPE
    if header & _STARTS:
        if fragment is not None:
            raise MalformedError("an H.264 fragment without its end")
        pieces += (START_CODE, bytes((payload[0] & (_FORBIDDEN | _IMPORTANCE) | kind,)))
    elif kind != fragment:
        raise MalformedError("an H.264 fragment without its beginning")
    pieces.append(payload[_FU_HEADER:])
    return None if header & _ENDS else kind


def _whole_units(payload: bytes, kind: int) -> Sequence[bytes]:
    """The NAL units of a payload that is no fragment."""
    if 0 < kind <= NalType.LAST:
        return (payload,)
    if kind == _STAP_A:
        return _aggregated(payload)
    if kind in _INTERLEAVED:
        raise MalformedError("an H.264 packet of the interleaved mode")
    # RFC 6184 section 5.4: types 0, 30 and 31 are reserved, and passed over.
    return ()


def _aggregated(payload: bytes) -> list[bytes]:
    """The NAL units of a STAP-A (RFC 6184 section 5.7.1)."""
    return aggregated(payload, header=_STAP_HEADER, is_unit=_is_unit, codec="H.264")


def _is_unit(unit: bytes) -> bool:
    return len(unit) > 0 and 0 < unit[0] & TYPE <= NalType.LAST
