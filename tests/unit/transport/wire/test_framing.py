"""Frames of RFC 4571: cut anywhere, empty, too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.framing import Deframer, framed

LIMIT = 100


def frames_of(deframer: Deframer) -> list[bytes]:
    return list(iter(deframer.next, None))


def test_frame_is_a_datagram_with_its_length_in_front() -> None:
    assert framed(b"abc") == b"\x00\x03abc"
    assert framed(bytes(300))[:2] == b"\x01\x2c"


@given(st.lists(st.binary(max_size=LIMIT - 1)), st.integers(1, 50))
def test_frames_arrive_whole_however_the_stream_is_cut(datagrams: list[bytes], step: int) -> None:
    deframer = Deframer(LIMIT)
    stream = b"".join(map(framed, datagrams))
    found = []
    for start in range(0, len(stream), step):
        deframer.feed(stream[start : start + step])
        found += frames_of(deframer)
    assert found == datagrams


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_frame_that_is_too_long_is_passed_over_and_not_kept(step: int) -> None:
    deframer = Deframer(LIMIT)
    stream = framed(b"before") + framed(bytes(LIMIT)) + framed(bytes(5000)) + framed(b"after")
    found = []
    for start in range(0, len(stream), step):
        deframer.feed(stream[start : start + step])
        found += frames_of(deframer)
    assert (found, deframer.oversized) == ([b"before", b"after"], 2)


def test_frame_that_is_too_long_leaves_nothing_while_it_comes() -> None:
    deframer = Deframer(LIMIT)
    deframer.feed(b"\xff\xff")
    for _ in range(900):
        deframer.feed(bytes(70))
        assert deframer.next() is None
        assert repr(deframer) == "<Deframer 0 bytes wait, 1 oversized>"
