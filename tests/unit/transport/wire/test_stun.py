from __future__ import annotations

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.stun import checked_fragment, parse_stun, stun_class, stun_detail

HEADER = bytes.fromhex("0001 0000 2112a442") + bytes(12)


def test_stun_message_is_parsed_with_its_magic_cookie_only() -> None:
    message = parse_stun(HEADER)

    assert message is not None
    assert message.message_class is stun.Class.REQUEST
    assert parse_stun(HEADER[:4] + bytes(4) + HEADER[8:]) is None


@given(st.binary(max_size=64))
def test_malformed_stun_message_is_none_and_never_raises(attributes: bytes) -> None:
    parse_stun(HEADER[:2] + len(attributes).to_bytes(2) + HEADER[4:] + attributes)


@pytest.mark.parametrize("kind", stun.Class)
def test_class_of_stun_message_is_read_from_its_header(kind: stun.Class) -> None:
    message = bytes(stun.Message(stun.Method.BINDING, kind))
    assert stun_class(message) is kind
    assert stun_class(message[:19]) is None


@pytest.mark.parametrize("before", range(17))
def test_username_fragment_is_found_among_the_first_attributes(before: int) -> None:
    value = bytes.fromhex("8022 0003") + b"abc\0"
    username = bytes.fromhex("0006 000b") + b"ours:theirs\0"
    found = checked_fragment(HEADER + value * before + username)
    assert found == (b"ours" if before < 16 else None)


@given(st.binary(max_size=80))
def test_username_fragment_of_anything_never_raises(attributes: bytes) -> None:
    checked_fragment(attributes)
    checked_fragment(HEADER + attributes)


def test_username_without_colon_names_no_fragment() -> None:
    assert checked_fragment(HEADER + bytes.fromhex("0006 0004") + b"ours") is None


@pytest.mark.parametrize(
    ("method", "attributes", "detail"),
    [
        (stun.Method.BINDING, {}, ""),
        (
            stun.Method.BINDING,
            {"ICE-CONTROLLING": 1, "USE-CANDIDATE": None},
            "ICE-CONTROLLING, USE-CANDIDATE",
        ),
        (stun.Method.ALLOCATE, {"ERROR-CODE": (401, "Unauthorized")}, "ALLOCATE, 401 Unauthorized"),
        (
            stun.Method.BINDING,
            {"XOR-MAPPED-ADDRESS": ("192.0.2.1", 5)},
            "XOR-MAPPED-ADDRESS 192.0.2.1 port 5",
        ),
    ],
)
def test_stun_detail_summarises_the_attributes(
    method: stun.Method, attributes: dict[str, object], detail: str
) -> None:
    message = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
    message.attributes.update(attributes)

    assert stun_detail(message) == detail
