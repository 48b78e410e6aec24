"""Redundant audio data (RFC 2198): reading and writing of payloads."""

from __future__ import annotations

import random

import pytest

from peer.rtp.formats.red import BLOCK_LIMIT, RedBlock, RedWriter, split_red
from peer.rtp.malformed import MalformedError


def test_blocks_are_read_as_in_rfc_2198_section_3() -> None:
    # F=1, type 5, offset 3, length 2; F=1, type 6, offset 16383, length 0; F=0, type 7.
    headers = bytes((0x85,)) + (3 << 10 | 2).to_bytes(3, "big")
    headers += bytes((0x86,)) + (16_383 << 10).to_bytes(3, "big") + bytes((7,))
    assert split_red(headers + b"abprimary") == (
        RedBlock(5, 3, b"ab"),
        RedBlock(6, 16_383, b""),
        RedBlock(7, 0, b"primary"),
    )


def test_lone_primary_block_needs_one_octet_of_header() -> None:
    assert split_red(b"\x6fsound") == (RedBlock(111, 0, b"sound"),)
    assert split_red(b"\x6f") == (RedBlock(111, 0, b""),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "ends before its primary block header"),
        (b"\xef", "block header is cut off"),
        (b"\xef\x00\x00", "block header is cut off"),
        (b"\xef\x00\x00\x00", "ends before its primary block header"),
        (b"\xef\x00\x04\x05\x6fabcd", "block is longer than its payload"),
        (b"\xef\x00\x00\x00" * BLOCK_LIMIT + b"\x6f", "more than 32 blocks"),
    ],
)
def test_malformed_payload_is_refused_by_name(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        split_red(payload)


def test_any_octets_make_blocks_or_a_named_error() -> None:
    chances = random.Random(1)
    for _ in range(3_000):
        payload = chances.randbytes(chances.randrange(40))
        try:
            blocks = split_red(payload)
        except MalformedError:
            continue
        assert 1 <= len(blocks) <= BLOCK_LIMIT
        assert sum(len(each.payload) for each in blocks) < len(payload)


def test_each_packet_has_a_copy_of_the_one_before() -> None:
    writer = RedWriter(111, limit=1200)
    first = writer.write(b"first", (1 << 32) - 960)
    second = writer.write(b"second", 1 << 32)
    third = writer.write(b"third", (1 << 32) + 960)
    assert split_red(first) == (RedBlock(111, 0, b"first"),)
    assert split_red(second) == (RedBlock(111, 960, b"first"), RedBlock(111, 0, b"second"))
    assert split_red(third) == (RedBlock(111, 960, b"second"), RedBlock(111, 0, b"third"))


def test_two_copies_come_with_the_oldest_first() -> None:
    writer = RedWriter(111, limit=1200, copies=2)
    for number in range(2):
        writer.write(b"%d" % number, number * 960)
    assert split_red(writer.write(b"2", 1920)) == (
        RedBlock(111, 1920, b"0"),
        RedBlock(111, 960, b"1"),
        RedBlock(111, 0, b"2"),
    )


@pytest.mark.parametrize(
    ("former", "elapsed"),
    [(b"x" * 1024, 960), (b"x", 16_384), (b"x", 0), (b"x" * 1000, 960)],
    ids=["too long", "too old", "of the same time", "too large together"],
)
def test_a_copy_that_does_not_fit_is_left_out(former: bytes, elapsed: int) -> None:
    writer = RedWriter(111, limit=1200)
    writer.write(former, 48_000)
    payload = writer.write(b"y" * 200, 48_000 + elapsed)
    assert split_red(payload) == (RedBlock(111, 0, b"y" * 200),)
