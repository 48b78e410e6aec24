"""AV1: the aggregation header and OBU elements of AOMedia's RTP payload format."""

from __future__ import annotations

import pytest

from peer.rtp.formats import FrameShape
from peer.rtp.formats.av1 import Av1Format
from peer.rtp.formats.av1_bitstream import read_obus, write_leb128
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import encoded

# Types of AV1 section 6.2.2.
SEQUENCE, DELIMITER, HEADER, TILES, METADATA, FRAME, TILE_LIST, PADDING = 1, 2, 3, 4, 5, 6, 8, 15
Z, Y, W1, W2, W3, N = 0x80, 0x40, 0x10, 0x20, 0x30, 0x08


def obu(kind: int, payload: bytes, layer: tuple[int, int] | None = None) -> bytes:
    """An OBU as it travels: without its size. `layer` is temporal_id and spatial_id."""
    if layer is None:
        return bytes((kind << 3,)) + payload
    return bytes((kind << 3 | 4, layer[0] << 5 | layer[1] << 3)) + payload


def sized(bare: bytes) -> bytes:
    """The same in low-overhead form."""
    start = 2 if bare[0] & 4 else 1
    return b"".join(
        (
            bytes((bare[0] | 2,)),
            bare[1:start],
            write_leb128(len(bare) - start),
            bare[start:],
        )
    )


def unit(*bare: bytes) -> bytes:
    return b"".join(map(sized, bare))


def packet(flags: int, *elements: bytes) -> bytes:
    """Elements with a size before each, but for the last where they are counted."""
    counted = flags >> 4 & 3
    pieces = [bytes((flags,))]
    for number, element in enumerate(elements, 1):
        pieces += ([] if number == counted else [write_leb128(len(element))]) + [element]
    return b"".join(pieces)


def pack(frame: bytes, limit: int = 1200, *, keyframe: bool = False) -> list[bytes]:
    return Av1Format().packetize(frame, keyframe=keyframe, limit=limit)


def read(*payloads: bytes) -> bytes:
    return Av1Format().assemble(payloads)


SH, FR, MD = obu(SEQUENCE, b"s" * 10), obu(FRAME, b"f" * 50), obu(METADATA, b"m" * 5)


def test_single_obu_element_has_no_size() -> None:
    assert pack(unit(FR)) == [packet(W1, FR)]
    assert read(packet(W1, FR)) == unit(FR)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_up_to_three_obu_elements_are_counted(count: int) -> None:
    bare = [obu(TILES, bytes([number] * 30)) for number in range(count)]
    (payload,) = pack(unit(*bare))
    assert payload == packet({2: W2, 3: W3}.get(count, 0), *bare)
    assert read(payload) == unit(*bare)


def test_av1_example_packet_of_303_bytes() -> None:
    # Section 4.5: 2 octets for the size of the first element, 200 and 100 for the elements.
    first, second = obu(FRAME, b"1" * 199), obu(FRAME, b"2" * 99)
    (payload,) = pack(unit(first, second))
    assert len(payload) == 303
    assert payload[:3] == bytes((W2, 0xC8, 0x01))


def test_large_obu_is_fragmented() -> None:
    large = obu(FRAME, bytes(range(250)))
    payloads = pack(unit(SH, large), 101, keyframe=True)

    assert payloads == [
        packet(N | Y | W2, SH, large[:88]),
        packet(Z | Y | W1, large[88:188]),
        packet(Z | W1, large[188:]),
    ]
    assert read(*payloads) == unit(SH, large)


def test_fragment_may_end_where_another_obu_begins() -> None:
    first, second = obu(TILES, b"1" * 150), obu(TILES, b"2" * 60)
    payloads = pack(unit(first, second), 101)
    assert payloads == [
        packet(Y | W1, first[:100]),
        packet(Z | Y | W2, first[100:], second[:48]),
        packet(Z | W1, second[48:]),
    ]
    assert read(*payloads) == unit(first, second)


def test_obu_with_little_room_begins_in_next_packet() -> None:
    first, second = obu(TILES, b"1" * 90), obu(TILES, b"2" * 60)
    assert pack(unit(first, second), 101) == [packet(W1, first), packet(W1, second)]


@pytest.mark.parametrize("limit", range(64, 200))
def test_no_av1_payload_exceeds_limit(limit: int) -> None:
    bare = [obu(TILES, bytes(size)) for size in (5, 120, 127, 1, 0, 128, 3, 3, 3, 3, 300)]
    payloads = pack(unit(*bare), limit)
    assert max(map(len, payloads)) <= limit
    assert read(*payloads) == unit(*bare)


def test_new_sequence_bit_is_in_first_packet() -> None:
    fmt = Av1Format()
    frame = unit(SH, obu(FRAME, bytes(300)))
    first, *others = pack(frame, 100, keyframe=True)
    assert fmt.is_keyframe_start(first)
    for payload in others:
        assert not fmt.is_keyframe_start(payload)


def test_delta_frame_has_no_new_sequence_bit() -> None:
    fmt = Av1Format()
    for payload in (pack(unit(FR), keyframe=True)[0], pack(unit(SH, FR))[0]):
        assert not fmt.is_keyframe_start(payload)


def test_av1_layers_do_not_share_packet() -> None:
    # Section 5.1: [ SH MD MD(0,0) FH(0,0) TG(0,0) ] [ MD(0,1) FH(0,1) TG(0,1) ].
    low = [SH, MD, *(obu(kind, b"0", (0, 0)) for kind in (METADATA, HEADER, TILES))]
    high = [obu(kind, b"1", (0, 1)) for kind in (METADATA, HEADER, TILES)]
    payloads = pack(unit(*low, *high), keyframe=True)
    assert payloads == [packet(N, *low), packet(W3, *high)]
    assert read(*payloads) == unit(*low, *high)


def test_rest_of_a_layer_shares_no_packet_with_others() -> None:
    low, high = obu(FRAME, b"0" * 150, (0, 0)), obu(FRAME, b"1" * 20, (0, 1))
    assert [payload[0] for payload in pack(unit(low, high), 101)] == [Y | W1, Z | W1, W1]
    # And so does one that waited for the next packet.
    assert [
        payload[0]
        for payload in pack(unit(obu(TILES, b"t" * 90), obu(FRAME, b"0" * 20, (0, 0)), high), 101)
    ] == [W1, W1, W1]
    # What belongs to no layer may go with any, in this packet or the next.
    data = obu(METADATA, b"m" * 30)
    assert pack(unit(obu(FRAME, b"0" * 90, (0, 0)), data, high), 101)[1:] == [
        packet(W2, data, high)
    ]
    assert len(pack(unit(low, MD), 101)) == 2


def test_av1_delimiters_tile_lists_and_padding_are_not_sent() -> None:
    left_out = [obu(kind, b"") for kind in (DELIMITER, TILE_LIST, PADDING)]
    assert pack(unit(left_out[0], SH, left_out[1], FR, left_out[2])) == [packet(W2, SH, FR)]
    assert pack(unit(*left_out)) == []


def test_received_av1_delimiters_and_tile_lists_are_ignored() -> None:
    assert read(packet(W3, obu(DELIMITER, b""), obu(TILE_LIST, b"x"), FR)) == unit(FR)


def test_received_obus_with_size_field_are_read() -> None:
    assert read(packet(W2, sized(SH), sized(obu(FRAME, b"x", (1, 1))))) == unit(
        SH, obu(FRAME, b"x", (1, 1))
    )
    # The last one of a unit may go without.
    assert pack(sized(SH) + FR) == [packet(W2, SH, FR)]


@pytest.mark.parametrize(
    "payloads",
    [
        [b""],
        [bytes((W1,))],
        [packet(Z | W1, FR)],
        [packet(Y | W1, FR)],
        [packet(Y | W1, FR), packet(W1, FR)],
        [packet(W1, FR), packet(Z | W1, FR)],
        # An element that goes on beyond the packet, a size without its end, too few elements.
        [bytes((W2, 60)) + FR],
        [bytes((0, 0x80))],
        [bytes((0,)) + b"\x80" * 9],
        [packet(0, FR) + b"\x05"],
        [packet(W3, SH, FR)[:-52]],
        [packet(Y | W3, SH, FR)[:-52], packet(Z | W1, FR)],
        [packet(0, FR)[:-1]],
        # Elements and OBUs of no octets, and what is no OBU.
        [packet(0, b"", FR)],
        [packet(W2, FR, b"")],
        [packet(W1, b"\x80")],
        [packet(W1, b"\x34")],
        [packet(W1, b"\x32\x05abc")],
        [packet(W1, b"\x32")],
        [packet(W1, obu(DELIMITER, b""))],
    ],
)
def test_payloads_without_temporal_unit_are_refused(payloads: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        read(*payloads)


@pytest.mark.parametrize(
    "frame", [b"\x80", b"\x32", b"\x32\x05abc", b"\x36", b"\x32" + b"\xff" * 9]
)
def test_malformed_temporal_unit_is_not_packetized(frame: bytes) -> None:
    with pytest.raises(MalformedError):
        pack(frame)
    assert Av1Format().describe(frame) == FrameShape(False)


def test_av1_key_frame_is_shown_and_has_sequence_header() -> None:
    fmt = Av1Format()
    sequence, frame = read_obus(encoded("AV1")[0].data)[1:]
    head, shape = sequence.with_size(), FrameShape(True, 176, 112)

    # show_existing_frame, frame_type, show_frame.
    for first, key in ((0b0_00_1 << 4, True), (0b0_00_0 << 4, False), (0b0_01_1 << 4, False)):
        for kind in (FRAME, HEADER):
            data = head + sized(obu(kind, bytes((first,)) + frame.payload[1:]))
            assert fmt.describe(data) == (shape if key else FrameShape(False))
    assert fmt.describe(head + sized(obu(HEADER, b"\x80"))) == FrameShape(False)
    assert fmt.describe(frame.with_size() + head) == FrameShape(False)
    assert fmt.describe(head) == FrameShape(False)
    assert fmt.describe(head + sized(obu(FRAME, b""))) == FrameShape(False)
