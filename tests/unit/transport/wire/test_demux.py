from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.demux import DatagramClass, associations_for, classify
from peer.transport.wire.dtls_records import HANDSHAKE_EPOCH
from tests.support.captures.unified import unified


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


@dataclass(frozen=True)
class FakeAssociation:
    name: str
    handshaking: bool = False
    fits: bool = True

    def expects(self, datagram: bytes) -> bool:
        return self.fits


NEXT = FakeAssociation("next", handshaking=True)
CURRENT = FakeAssociation("current")
RETIRING = FakeAssociation("retiring")


def dtls(epoch: int, content_type: int = 22) -> bytes:
    return bytes([content_type, 0xFE, 0xFD]) + epoch.to_bytes(2) + bytes(8)


def order(datagram: bytes, *associations: FakeAssociation) -> list[str]:
    return [each.name for each in associations_for(datagram, classify(datagram), associations)]


def test_demux_offers_everything_to_an_only_association() -> None:
    assert order(dtls(epoch=0), CURRENT) == ["current"]
    assert order(b"\x80\x60" + bytes(10), NEXT) == ["next"]


def test_demux_offers_epoch_0_to_the_handshake() -> None:
    assert order(dtls(epoch=0), NEXT, CURRENT, RETIRING) == ["next"]


@pytest.mark.parametrize("epoch", range(1, 9))
def test_demux_never_takes_a_unified_header_for_epoch_0(epoch: int) -> None:
    handshaking_first = epoch % 4 == HANDSHAKE_EPOCH

    assert order(unified(epoch=epoch), NEXT, CURRENT) == (
        ["next", "current"] if handshaking_first else ["current", "next"]
    )


def test_demux_offers_epoch_0_without_a_handshake_to_the_newest_association() -> None:
    assert order(dtls(epoch=0), CURRENT, RETIRING) == ["current"]


def test_demux_offers_records_that_fit_no_handshake_to_the_newest_established_first() -> None:
    unfit = FakeAssociation("next", handshaking=True, fits=False)

    assert order(dtls(epoch=0), unfit, CURRENT, RETIRING) == ["current", "next"]


def test_demux_asks_the_older_of_two_handshakes_first() -> None:
    first = FakeAssociation("first", handshaking=True)

    assert order(dtls(epoch=0), NEXT, first) == ["first", "next"]


def test_demux_asks_only_the_handshake_that_a_record_fits_into() -> None:
    first = FakeAssociation("first", handshaking=True, fits=False)

    assert order(dtls(epoch=0), NEXT, first) == ["next"]


def test_demux_offers_encrypted_records_to_a_handshake_last() -> None:
    assert order(dtls(epoch=1), NEXT, CURRENT, RETIRING) == ["current", "retiring", "next"]


def test_demux_offers_encrypted_records_newest_first() -> None:
    assert order(dtls(epoch=1), CURRENT, RETIRING) == ["current", "retiring"]


@pytest.mark.parametrize("second", [96, 200])
def test_demux_offers_srtp_last_to_an_association_without_keys(second: int) -> None:
    packet = bytes([0x80, second]) + bytes(10)

    assert order(packet, NEXT, CURRENT, RETIRING) == ["current", "retiring", "next"]


def test_demux_offers_other_classes_to_no_association() -> None:
    assert order(b"\x00" + bytes(19), NEXT, CURRENT) == []


def test_demux_takes_a_truncated_header_for_no_handshake() -> None:
    assert order(b"\x16\xfe\xfd", NEXT, CURRENT) == ["current", "next"]
