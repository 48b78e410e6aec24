from __future__ import annotations

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.stun import parse_stun, stun_detail

HEADER = bytes.fromhex("0001 0000 2112a442") + bytes(12)


def test_stun_message_is_parsed_with_its_magic_cookie_only() -> None:
    message = parse_stun(HEADER)

    assert message is not None
    assert message.message_class is stun.Class.REQUEST
    assert parse_stun(HEADER[:4] + bytes(4) + HEADER[8:]) is None


@given(st.binary(max_size=64))
def test_malformed_stun_message_is_none_and_never_raises(attributes: bytes) -> None:
    parse_stun(HEADER[:2] + len(attributes).to_bytes(2) + HEADER[4:] + attributes)


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
