"""NAL units in RTP packets, as the payload formats of H.264 and H.265 share it. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.h264_bitstream import START_CODE
from peer.rtp.formats.payload_format import FrameShape
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from peer.rtp.formats.parameter_sets import ParameterSets

#: Bytes of the size before each NAL unit of an aggregate (RFC 6184 section 5.7.1, RFC 7798 section
#: 4.4.2).
SIZE = 2


def packed(
    units: Iterable[bytes],
    limit: int,
    *,
    header: int,
    aggregate: Callable[[list[bytes]], bytes],
    fragments: Callable[[bytes, int], Iterable[bytes]],
) -> Iterator[bytes]:
    """Make single NAL units, aggregates and fragments in the order of the units.

    Args:
        units: NAL units.
        limit: Bytes of a payload at most.
        header: Bytes of the header of an aggregate.
        aggregate: Makes an aggregate of several units.
        fragments: Makes the fragments of a unit within a limit.
    """
    together: list[bytes] = []
    size = header
    for unit in units:
        if together and size + SIZE + len(unit) > limit:
            yield _alone_or(aggregate, together)
            together, size = [], header
        if len(unit) > limit:
            yield from fragments(unit, limit)
        else:
            together.append(unit)
            size += SIZE + len(unit)
    if together:
        yield _alone_or(aggregate, together)


def _alone_or(aggregate: Callable[[list[bytes]], bytes], units: list[bytes]) -> bytes:
    return units[0] if len(units) == 1 else aggregate(units)


def joined(header: bytes, units: Iterable[bytes]) -> bytes:
    """Join the header of an aggregate and its NAL units, each behind its size."""
    pieces = [header]
    for unit in units:
        pieces += (len(unit).to_bytes(SIZE, "big"), unit)
    return b"".join(pieces)


def aggregated(
    payload: bytes, *, header: int, is_unit: Callable[[bytes], bool], codec: str
) -> list[bytes]:
    """Return the NAL units of an aggregate.

    Args:
        payload: The aggregate.
        header: Bytes of its header.
        is_unit: Whether some bytes are a NAL unit that may stand in an aggregate.
        codec: Name of the codec, for the error.

    Raises:
        MalformedError: It is not made of NAL units.
    """
    units = []
    at = header
    while at < len(payload):
        start = at + SIZE
        at = start + int.from_bytes(payload[at:start], "big")
        unit = payload[start:at]
        if at > len(payload) or not is_unit(unit):
            raise MalformedError(f"an {codec} aggregate that is not made of NAL units", start)
        units.append(unit)
    return units


def sets_in_front(pieces: list[bytes], sets: ParameterSets, *, delimited: bool) -> bytes:
    """Join an access unit with all parameter sets in front, or behind its delimiter.

    Args:
        pieces: Start codes and NAL units, in turn.
        sets: The parameter sets.
        delimited: Whether the first unit is an access unit delimiter, which stays the first.
    """
    at = 2 if delimited else 0
    added = (octets for unit in sets.units() for octets in (START_CODE, unit))
    return b"".join((*pieces[:at], *added, *pieces[at:]))


def keyframe_shape(sps: bytes, picture_size: Callable[[bytes], tuple[int, int]]) -> FrameShape:
    """Describe a key frame with this sequence parameter set, which `picture_size` reads."""
    try:
        width, height = picture_size(sps)
    except MalformedError:
        # Decoders read more parameter sets than we do.
        return FrameShape(keyframe=True)
    return FrameShape(keyframe=True, width=width, height=height)
