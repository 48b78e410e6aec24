"""REMB packets are parsed and written."""

from __future__ import annotations

import pytest
from aiortc.rtp import pack_remb_fci, unpack_remb_fci

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate, UnknownPacket, parse, write

#: The packet that libwebrtc holds its own to: an exponent of 1.
DATA = bytes.fromhex("8fce0007 12345678 00000000 52454d42 0307fb93 23456789 2345678a 2345678b")
REMB = ReceiverEstimatedMaximumBitrate(
    0x12345678, 0x3FB93 * 2, (0x23456789, 0x2345678A, 0x2345678B)
)


def test_remb_is_parsed_and_written() -> None:
    assert parse(DATA) == [REMB]
    assert write([REMB]) == DATA


@pytest.mark.parametrize(
    ("bitrate", "written"),
    [
        (0, 0),
        (1, 1),
        (0x3FFFF, 0x3FFFF),
        (0x40000, 0x40000),
        (0x40001, 0x40000),
        (2_500_000, 2_500_000),
        (1_234_567, 1_234_560),
        (0x3FFFF << 63, 0x3FFFF << 63),
    ],
)
def test_remb_bitrate_has_18_bits_and_an_exponent(bitrate: int, written: int) -> None:
    (read,) = parse(write([ReceiverEstimatedMaximumBitrate(1, bitrate, (2,))]))
    assert read == ReceiverEstimatedMaximumBitrate(1, written, (2,))


@pytest.mark.parametrize("bitrate", [0, 30_000, 262_143, 262_144, 1_000_000, 123_456_789])
def test_remb_agrees_with_aiortc(bitrate: int) -> None:
    ours = write([ReceiverEstimatedMaximumBitrate(1, bitrate, (2, 3))])
    assert ours[12:] == pack_remb_fci(bitrate, [2, 3])
    (read,) = parse(ours)
    assert isinstance(read, ReceiverEstimatedMaximumBitrate)
    assert (read.bitrate, list(read.ssrcs)) == unpack_remb_fci(ours[12:])


@pytest.mark.parametrize(("bitrate", "ssrcs"), [(-1, ()), (1 << 81, ()), (1, tuple(range(256)))])
def test_remb_refuses_values_that_do_not_fit(bitrate: int, ssrcs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write([ReceiverEstimatedMaximumBitrate(1, bitrate, ssrcs)])


def test_remb_names_up_to_255_streams() -> None:
    full = ReceiverEstimatedMaximumBitrate(1, 1, tuple(range(255)))
    assert parse(write([full])) == [full]


@pytest.mark.parametrize(
    "data",
    [
        "8fce0003 12345678 00000000 52454d42",
        "8fce0004 12345678 00000000 52454d42 0107fb93",
        "8fce0005 12345678 00000000 52454d42 0207fb93 23456789",
    ],
)
def test_truncated_remb_is_malformed(data: str) -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data", ["8fce0001 12345678", "8fce0004 12345678 00000000 4e454d42 0007fb93"]
)
def test_other_application_layer_feedback_is_unknown(data: str) -> None:
    (packet,) = parse(bytes.fromhex(data))
    assert packet == UnknownPacket(206, 15, bytes.fromhex(data)[4:])
