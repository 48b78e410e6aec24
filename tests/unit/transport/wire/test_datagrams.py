from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.datagrams import DatagramClass, classify


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 3, DatagramClass.STUN),
        (4, 15, DatagramClass.UNKNOWN),
        (16, 19, DatagramClass.ZRTP),
        (20, 63, DatagramClass.DTLS),
        (64, 79, DatagramClass.TURN),
        (80, 127, DatagramClass.UNKNOWN),
        (128, 191, DatagramClass.RTP),
        (192, 255, DatagramClass.UNKNOWN),
    ],
)
def test_first_byte_of_datagram_tells_its_class(
    first: int, last: int, expected: DatagramClass
) -> None:
    for byte in range(first, last + 1):
        assert classify(bytes([byte]) + bytes(11)) is expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (191, DatagramClass.RTP),
        (192, DatagramClass.RTCP),
        (200, DatagramClass.RTCP),
        (223, DatagramClass.RTCP),
        (224, DatagramClass.RTP),
        (96, DatagramClass.RTP),
    ],
)
def test_second_byte_of_datagram_tells_rtcp_from_rtp(second: int, expected: DatagramClass) -> None:
    assert classify(bytes([0x80, second]) + bytes(10)) is expected


@given(st.binary(max_size=16))
def test_every_datagram_has_a_class(datagram: bytes) -> None:
    assert classify(datagram) in DatagramClass
