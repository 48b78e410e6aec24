"""NACK, PLI and FIR packets are parsed and written."""

from __future__ import annotations

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import FullIntraRequest, Nack, PictureLossIndication, parse, write


@pytest.mark.parametrize(
    ("pairs", "lost"),
    [
        # RFC 4585 section 6.2.1: the PID, then the packets after it from the lowest bit on.
        ("0010 0000", (16,)),
        ("0010 0001", (16, 17)),
        ("0010 8000", (16, 32)),
        ("0010 ffff", tuple(range(16, 33))),
        ("ffff 0003", (0xFFFF, 0, 1)),
        ("0010 0000 0021 0002", (16, 33, 35)),
        ("", ()),
    ],
)
def test_nack_is_parsed_and_written(pairs: str, lost: tuple[int, ...]) -> None:
    fci = bytes.fromhex(pairs)
    data = b"\x81\xcd" + (2 + len(fci) // 4).to_bytes(2, "big") + bytes.fromhex("00000001 00000002")
    assert parse(data + fci) == [Nack(1, 2, lost)]
    assert write([Nack(1, 2, lost)]) == data + fci


def test_nack_lists_a_packet_named_twice_once() -> None:
    assert parse(bytes.fromhex("81cd0004 00000001 00000002 0010 0003 0011 0001")) == [
        Nack(1, 2, (16, 17, 18))
    ]


@pytest.mark.parametrize("lost", [(3, 2, 1), (5, 5), (65535, 16, 15, 14), tuple(range(0, 9999, 5))])
def test_nack_is_written_in_any_order(lost: tuple[int, ...]) -> None:
    (read,) = parse(write([Nack(1, 2, lost)]))
    assert isinstance(read, Nack)
    assert set(read.lost) == set(lost)


def test_nack_of_rising_numbers_uses_the_fewest_pairs() -> None:
    assert len(write([Nack(1, 2, tuple(range(1000, 1170)))])) == 12 + 4 * 10


def test_nack_lists_at_most_17_packets_per_pair() -> None:
    fci = b"\x00\x10\xff\xff" * 300
    (read,) = parse(b"\x81\xcd" + (2 + 300).to_bytes(2, "big") + bytes(8) + fci)
    assert isinstance(read, Nack)
    assert len(read.lost) == 17


def test_pli_is_parsed_and_written() -> None:
    # RFC 4585 section 6.3.1: no more than the two SSRCs.
    data = bytes.fromhex("81ce0002 00000001 00000002")
    assert parse(data) == [PictureLossIndication(1, 2)]
    assert write([PictureLossIndication(1, 2)]) == data


@pytest.mark.parametrize(
    ("fci", "entries"),
    [
        ("00000002 ff000000", ((2, 255),)),
        ("00000002 01000000 00000003 02000000", ((2, 1), (3, 2))),
        ("", ()),
    ],
)
def test_fir_is_parsed_and_written(fci: str, entries: tuple[tuple[int, int], ...]) -> None:
    # RFC 5104 section 4.3.1.1; the SSRC of the media source is 0.
    octets = bytes.fromhex(fci)
    data = b"\x84\xce" + (2 + len(octets) // 4).to_bytes(2, "big") + bytes.fromhex("00000001")
    assert parse(data + bytes(4) + octets) == [FullIntraRequest(1, entries)]
    assert write([FullIntraRequest(1, entries)]) == data + bytes(4) + octets


def test_reserved_octets_of_a_fir_are_ignored() -> None:
    assert parse(bytes.fromhex("84ce0004 00000001 00000009 00000002 05ffffff")) == [
        FullIntraRequest(1, ((2, 5),))
    ]


@pytest.mark.parametrize(
    "data",
    [
        "81cd0000",
        "81cd0001 00000001",
        "81ce0000",
        "81ce0001 00000001",
        "84ce0001 00000001",
        "84ce0003 00000001 00000000 00000002",
        # A padding of two octets leaves half a pair.
        "a1cd0003 00000001 00000002 00100002",
    ],
)
def test_truncated_feedback_is_malformed(data: str) -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex(data))
