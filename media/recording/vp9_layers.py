"""VP9 pictures of several spatial layers, of which players shall show the uppermost only. PURE."""

from __future__ import annotations

from typing import TypeAlias

from peer.rtp.formats.bits import BitReader
from peer.rtp.formats.vp9_bitstream import (
    check_sync_code,
    frames_of,
    read_profile,
    skip_color_config,
    superframe,
)
from peer.rtp.malformed import MalformedError
from peer.values import dataclass

#: Width and height of a picture in pixels.
Size: TypeAlias = tuple[int, int]

#: The uncompressed header (VP9 bitstream specification, section 6.2).
_SLOTS = 8
_ALL_SLOTS = 0xFF
_REFERENCES = 3
#: Octets of the longest header, and some (sections 6.2 to 6.2.8).
_HEADER_OCTETS = 192
_LOOP_FILTER_DELTAS = 6
_QUANTIZER_DELTAS = 3
#: Segments, and probabilities of their tree and of its prediction (section 6.2.11).
_SEGMENTS, _TREE_PROBABILITIES, _PREDICTION_PROBABILITIES = 8, 7, 3
#: Bits of each feature of a segment, without its sign, and whether it has one (section 6.2.6).
_FEATURES = ((8, True), (6, True), (2, False), (0, False))
#: Width of a superblock in pixels; most and least of them in a tile (section 6.2.14).
_SUPERBLOCK = 64
_WIDEST_TILE, _NARROWEST_TILE = 64, 4


@dataclass(frozen=True, slots=True)
class _Header:
    """Uncompressed header of a frame that is not merely shown again.

    Args:
        keyframe: True for a key frame.
        shown_at: Place of the bit `show_frame`.
        shown: Its value.
        size: Size of the frame.
        refreshes: Slots that the frame is stored in, a bit each.
        bits: Length of the header, without padding.
    """

    keyframe: bool
    shown_at: int
    shown: bool
    size: Size
    refreshes: int
    bits: int


class _Reader(BitReader):
    """Counts the bits that it reads."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.count = 0

    def read(self, bits: int) -> int:
        """Read some bits as a number."""
        self.count += bits
        return super().read(bits)


class Vp9Layers:
    """Hides the lower spatial layers of each picture of a VP9 stream.

    Senders mark each layer as shown, as a forwarding server may leave out those above. Decoders
    that take a superframe apart, as FFmpeg's and so Firefox's, would show all of them in turn.

    Attributes:
        size: Size of the last picture; None before the first that tells it.
        is_layered: True once a picture had several layers.
    """

    def __init__(self) -> None:
        self.size: Size | None = None
        self.is_layered = False
        self._slots: list[Size | None] = [None] * _SLOTS

    def convert(self, picture: bytes) -> bytes:
        """Return a picture of which the uppermost layer alone is shown; others are left as is."""
        frames = frames_of(picture)
        try:
            headers = [self._follow(frame) for frame in frames]
        except MalformedError:
            # What builds on it is not understood either.
            self._slots = [None] * _SLOTS
            return picture
        if (top := headers[-1]) is not None:
            self.size = top.size
        shown = [header for header in headers if header is not None and header.shown]
        # Layers of one size would take motion vectors from the frame that was shown before them
        # (section 7.2, UsePrevFrameMvs), and change with it.
        if len(shown) < 2 or len({header.size for header in shown}) < len(shown):
            return picture
        self.is_layered = True
        lower = zip(frames[:-1], headers[:-1], strict=True)
        hidden = [
            frame if header is None or not header.shown else _hidden(frame, header)
            for frame, header in lower
        ]
        return superframe([*hidden, frames[-1]])

    def _follow(self, frame: bytes) -> _Header | None:
        """Read a frame's header, and store its size in the slots that it refreshes."""
        header = _read(frame, self._slots)
        if header is not None:
            for slot in range(_SLOTS):
                if header.refreshes >> slot & 1:
                    self._slots[slot] = header.size
        return header


def _hidden(frame: bytes, header: _Header) -> bytes:
    """Return a frame that is not shown; one that is no key frame then says if it is intra-only."""
    octets = (header.bits + 7) // 8
    bits = int.from_bytes(frame[:octets], "big") >> octets * 8 - header.bits
    length = header.bits
    bits &= ~(1 << length - 1 - header.shown_at)
    if not header.keyframe:
        # After show_frame and error_resilient_mode.
        below = length - header.shown_at - 2
        bits = bits >> below << below + 1 | bits & (1 << below) - 1
        length += 1
    padded = (length + 7) // 8
    return (bits << padded * 8 - length).to_bytes(padded, "big") + frame[octets:]


def _read(frame: bytes, slots: list[Size | None]) -> _Header | None:
    """Read an uncompressed header; None for a frame that is only shown again.

    Raises:
        MalformedError: It is no frame of VP9, or refers to one that is not known.
    """
    bits = _Reader(frame[:_HEADER_OCTETS])
    profile = read_profile(bits)
    if bits.flag():
        return None
    keyframe = not bits.flag()
    shown_at = bits.count
    shown, resilient = bits.flag(), bits.flag()
    refreshes = _ALL_SLOTS
    if keyframe:
        check_sync_code(bits)
        skip_color_config(bits, profile)
        size = _frame_size(bits)
        _skip_render_size(bits)
    else:
        intra_only = not shown and bits.flag()
        if not resilient:
            bits.read(2)
        if intra_only:
            check_sync_code(bits)
            if profile:
                skip_color_config(bits, profile)
            refreshes = bits.read(8)
            size = _frame_size(bits)
            _skip_render_size(bits)
        else:
            refreshes = bits.read(8)
            size = _size_with_references(bits, slots)
            # High precision of motion vectors, and the filter of interpolation.
            bits.read(1)
            if not bits.flag():
                bits.read(2)
    if not resilient:
        bits.read(2)
    bits.read(2)
    _skip_loop_filter(bits)
    _skip_quantizer(bits)
    if bits.flag():
        _skip_segmentation(bits)
    _skip_tiles(bits, size[0])
    compressed = bits.read(16)
    if not compressed or (bits.count + 7) // 8 + compressed > len(frame):
        raise MalformedError("a VP9 frame ends within its compressed header")
    return _Header(keyframe, shown_at, shown, size, refreshes, bits.count)


def _frame_size(bits: _Reader) -> Size:
    return bits.read(16) + 1, bits.read(16) + 1


def _skip_render_size(bits: _Reader) -> None:
    if bits.flag():
        bits.read(32)


def _size_with_references(bits: _Reader, slots: list[Size | None]) -> Size:
    references = []
    for _ in range(_REFERENCES):
        references.append(bits.read(3))
        bits.read(1)
    for reference in references:
        if bits.flag():
            size = slots[reference]
            if size is None:
                raise MalformedError("a VP9 frame refers to one that is not known")
            break
    else:
        size = _frame_size(bits)
    _skip_render_size(bits)
    return size


def _skip_loop_filter(bits: _Reader) -> None:
    bits.read(9)
    if bits.flag() and bits.flag():
        for _ in range(_LOOP_FILTER_DELTAS):
            if bits.flag():
                bits.read(7)


def _skip_quantizer(bits: _Reader) -> None:
    bits.read(8)
    for _ in range(_QUANTIZER_DELTAS):
        if bits.flag():
            bits.read(5)


def _skip_segmentation(bits: _Reader) -> None:
    if bits.flag():
        _skip_probabilities(bits, _TREE_PROBABILITIES)
        if bits.flag():
            _skip_probabilities(bits, _PREDICTION_PROBABILITIES)
    if bits.flag():
        bits.read(1)
        for _ in range(_SEGMENTS):
            for length, is_signed in _FEATURES:
                if bits.flag():
                    bits.read(length + is_signed)


def _skip_probabilities(bits: _Reader, count: int) -> None:
    for _ in range(count):
        if bits.flag():
            bits.read(8)


def _skip_tiles(bits: _Reader, width: int) -> None:
    superblocks = (width + _SUPERBLOCK - 1) // _SUPERBLOCK
    columns = 0
    while _WIDEST_TILE << columns < superblocks:
        columns += 1
    most = 1
    while superblocks >> most >= _NARROWEST_TILE:
        most += 1
    while columns < most - 1 and bits.flag():
        columns += 1
    if bits.flag():
        bits.read(1)
