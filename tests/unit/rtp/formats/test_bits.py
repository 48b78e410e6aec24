"""Bit fields and Exp-Golomb codes of codec headers."""

from __future__ import annotations

import pytest

from peer.rtp.formats.bits import BitReader
from peer.rtp.malformed import MalformedError


def test_bit_reader_begins_with_most_significant_bit() -> None:
    bits = BitReader(b"\xa5\x0f\xff")
    assert [bits.read(1), bits.read(3), bits.read(8), bits.flag(), bits.read(0)] == [1, 2, 80, 1, 0]
    assert bits.read(11) == 0x7FF


def test_bit_reader_refuses_to_read_past_end() -> None:
    bits = BitReader(b"\x80")
    bits.read(7)
    with pytest.raises(MalformedError):
        bits.read(2)


# ITU-T H.264 tables 9-2 and 9-3: bit strings, code numbers, and signed values.
@pytest.mark.parametrize(
    ("code", "unsigned", "signed"),
    [
        ("1", 0, 0),
        ("010", 1, 1),
        ("011", 2, -1),
        ("00100", 3, 2),
        ("00101", 4, -2),
        ("00110", 5, 3),
        ("00111", 6, -3),
        ("0001000", 7, 4),
        ("0001001", 8, -4),
        ("0001010", 9, 5),
    ],
)
def test_bit_reader_reads_exponential_golomb_codes(code: str, unsigned: int, signed: int) -> None:
    data = int(code.ljust(8, "0"), 2).to_bytes(1, "big")
    assert BitReader(data).unsigned() == unsigned
    assert BitReader(data).signed() == signed


def test_exponential_golomb_code_too_large_is_refused() -> None:
    assert BitReader(b"\0\0\0\0\x80\0\0\0\x80").unsigned() == (1 << 32)
    with pytest.raises(MalformedError):
        BitReader(bytes(4) + b"\x40" + bytes(8)).unsigned()
