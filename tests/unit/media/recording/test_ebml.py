from __future__ import annotations

import pytest

from media.recording import ebml
from media.recording.ebml import element, elements, number, octets_of, size_of


def test_elements_are_those_of_the_rfc() -> None:
    # RFC 8794 section 17.1: the marker of a size of eight octets is the first one's last bit.
    assert size_of(5).hex() == "0100000000000005"
    assert octets_of(ebml.EBML).hex() == "1a45dfa3"
    assert element(ebml.VOID, b"abc").hex() == "ec" + "0100000000000003" + "616263"
    assert number(ebml.TRACK_NUMBER, 258).hex() == "d7" + "0100000000000008" + "0000000000000102"


def test_elements_are_read_one_after_the_other() -> None:
    data = element(ebml.EBML, b"1") + element(ebml.VOID, b"") + element(ebml.SEGMENT, b"23")
    assert list(elements(data)) == [(ebml.EBML, b"1"), (ebml.VOID, b""), (ebml.SEGMENT, b"23")]


@pytest.mark.parametrize("size", ["83", "4003", "200003", "10000003"])
def test_a_size_may_be_shorter(size: str) -> None:
    data = bytes.fromhex(f"ec{size}") + b"abc" + bytes.fromhex("4dbb80")
    assert list(elements(data)) == [(ebml.VOID, b"abc"), (ebml.SEEK, b"")]


@pytest.mark.parametrize("size", [b"\xff", b"\x7f\xff", ebml.UNKNOWN_SIZE])
def test_what_has_no_size_takes_all_that_is_left(size: bytes) -> None:
    data = octets_of(ebml.SEGMENT) + size + element(ebml.VOID, b"abc")
    assert list(elements(data)) == [(ebml.SEGMENT, element(ebml.VOID, b"abc"))]
