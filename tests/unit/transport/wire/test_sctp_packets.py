"""Structure checks of SCTP packets before aiortc parses them."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.sctp_packets import initiate_tag, is_well_formed, verification_tag

HEADER = bytes(12)
INIT, ABORT, COOKIE_ACK, RECONFIG = 1, 6, 11, 130


def chunk(kind: int, body: bytes = b"", *, length: int | None = None) -> bytes:
    size = 4 + len(body) if length is None else length
    return pack("!BBH", kind, 0, size) + body + bytes(-len(body) % 4)


def parameter(kind: int, value: bytes = b"", *, length: int | None = None) -> bytes:
    size = 4 + len(value) if length is None else length
    return pack("!HH", kind, size) + value


@pytest.mark.parametrize(
    "packet",
    [
        HEADER + chunk(COOKIE_ACK),
        HEADER + chunk(COOKIE_ACK) + chunk(ABORT),
        HEADER + chunk(0, bytes(13)),
        HEADER + chunk(ABORT, parameter(12, b"why")),
        HEADER + chunk(INIT, bytes(16) + parameter(0xC000) + parameter(0x8008, b"\x82\xc0")),
        HEADER + chunk(77, b"a chunk of a later RFC"),
    ],
    ids=["one", "two", "data", "last parameter unpadded", "init", "unknown"],
)
def test_sctp_packet_is_well_formed(packet: bytes) -> None:
    assert is_well_formed(packet)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        HEADER,
        HEADER + b"\x0b\x00\x00",
        HEADER + chunk(COOKIE_ACK, length=3),
        HEADER + chunk(COOKIE_ACK, length=5),
        HEADER + chunk(0, bytes(12)),
        HEADER + chunk(ABORT, parameter(12, length=0)),
        HEADER + chunk(ABORT, parameter(12, length=3)),
        HEADER + chunk(ABORT, parameter(12, length=5)),
        HEADER + chunk(ABORT, b"\x00\x0c\x00"),
        HEADER + chunk(RECONFIG, parameter(13, bytes(12)) + parameter(16, length=0)),
        HEADER + chunk(INIT, bytes(16)) + chunk(ABORT),
    ],
    ids=[
        "empty",
        "no chunk",
        "half a header",
        "chunk too short",
        "chunk too long",
        "data without data",
        "parameter of length 0",
        "parameter too short",
        "parameter too long",
        "half a parameter",
        "second parameter",
        "init bundled",
    ],
)
def test_sctp_packet_is_malformed(packet: bytes) -> None:
    assert not is_well_formed(packet)


@given(st.binary(max_size=256))
def test_sctp_packet_checks_never_raise(packet: bytes) -> None:
    is_well_formed(packet)


def tagged(tag: int) -> bytes:
    return pack("!HHLL", 5000, 5000, tag, 0)


INIT_BODY = pack("!LLHHL", 0xDECAFBAD, 100_000, 1, 1, 1)


def test_initiate_tag_of_sctp_init() -> None:
    assert initiate_tag(tagged(0) + chunk(INIT, INIT_BODY)) == 0xDECAFBAD


@pytest.mark.parametrize(
    "packet",
    [
        tagged(0) + chunk(COOKIE_ACK),
        tagged(0) + chunk(2, INIT_BODY),
        # RFC 9260 section 8.5.1: an INIT has the verification tag 0.
        tagged(1) + chunk(INIT, INIT_BODY),
    ],
)
def test_other_sctp_packets_have_no_initiate_tag(packet: bytes) -> None:
    assert initiate_tag(packet) is None


def test_verification_tag_of_sctp_packet() -> None:
    assert verification_tag(tagged(0xFFFFFFFE) + chunk(COOKIE_ACK)) == 0xFFFFFFFE
