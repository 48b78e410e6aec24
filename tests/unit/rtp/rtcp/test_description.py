"""SDES and BYE packets are parsed and written."""

from __future__ import annotations

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import Goodbye, SourceDescription, parse, write


@pytest.mark.parametrize(
    ("data", "chunks"),
    [
        # The figures of RFC 3550 section 6.5: the null octet that ends a chunk is part of it.
        ("81ca0003 deadbeef 0103 616263 000000", [(0xDEADBEEF, "abc")]),
        ("81ca0003 deadbeef 0105 6162636465 00", [(0xDEADBEEF, "abcde")]),
        ("81ca0004 deadbeef 0106 616263646566 00000000", [(0xDEADBEEF, "abcdef")]),
        (
            "82ca0007 00000001 0102 6162 00000000 00000002 0106 616263646566 00000000",
            [(1, "ab"), (2, "abcdef")],
        ),
        ("80ca0000", []),
    ],
)
def test_cnames_are_parsed_and_written(data: str, chunks: list[tuple[int, str]]) -> None:
    assert parse(bytes.fromhex(data)) == [SourceDescription(tuple(chunks))]
    assert write([SourceDescription(tuple(chunks))]) == bytes.fromhex(data)


def test_other_sdes_items_are_skipped() -> None:
    # NAME, CNAME, TOOL.
    body = bytes.fromhex("00000001 0202 4142 0101 63 0602 7474 00")
    data = b"\x81\xca" + (len(body) // 4).to_bytes(2, "big") + body
    assert parse(data) == [SourceDescription(((1, "c"),))]


@pytest.mark.parametrize(
    ("items", "name"),
    [("00000000", ""), ("01 00 00 00", ""), ("0102 ffff 00000000", "\ufffd\ufffd")],
)
def test_cname_may_be_missing_or_garbled(items: str, name: str) -> None:
    body = bytes.fromhex("00000001" + items)
    data = b"\x81\xca" + (len(body) // 4).to_bytes(2, "big") + body
    assert parse(data) == [SourceDescription(((1, name),))]


@pytest.mark.parametrize(
    "data",
    [
        "81ca0000",
        "81ca0001 00000001",
        "81ca0002 00000001 01026162",
        "81ca0002 00000001 01036162",
        "81ca0002 00000001 01ff6162",
        "81ca0002 00000001 02016101",
        "82ca0002 00000001 00000000",
    ],
)
def test_truncated_source_description_is_malformed(data: str) -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex(data))


def test_cname_has_at_most_255_octets() -> None:
    longest = SourceDescription(((1, "é" * 127 + "a"),))
    assert parse(write([longest])) == [longest]
    with pytest.raises(ValueError, match="range"):
        write([SourceDescription(((1, "é" * 128),))])


@pytest.mark.parametrize(
    ("data", "ssrcs"),
    [
        ("80cb0000", ()),
        ("81cb0001 00000001", (1,)),
        ("82cb0002 00000001 fffffffe", (1, 0xFFFFFFFE)),
    ],
)
def test_goodbye_is_parsed_and_written(data: str, ssrcs: tuple[int, ...]) -> None:
    assert parse(bytes.fromhex(data)) == [Goodbye(ssrcs)]
    assert write([Goodbye(ssrcs)]) == bytes.fromhex(data)


def test_reason_of_a_goodbye_is_skipped() -> None:
    # RFC 3550 section 6.6: a length, the text, and octets of 0 up to the word.
    assert parse(bytes.fromhex("81cb0003 00000001 05 627965 2121 0000")) == [Goodbye((1,))]


def test_truncated_goodbye_is_malformed() -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex("82cb0001 00000001"))
