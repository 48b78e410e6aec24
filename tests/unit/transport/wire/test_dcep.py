"""DATA_CHANNEL_OPEN messages (RFC 8832 section 5.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.priority import Priority
from peer.transport.wire.dcep import DataChannelOpen, parse_data_channel_open

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LIMITS = st.one_of(
    st.just({}),
    st.builds(lambda n: {"max_retransmits": n}, st.integers(0, 65_535)),
    st.builds(lambda n: {"max_packet_life_time": n}, st.integers(0, 65_535)),
)


@given(TEXTS, TEXTS, st.booleans(), LIMITS)
def test_encoded_data_channel_open_is_parsed_back(
    label: str, protocol: str, ordered: bool, limits: dict[str, Any]
) -> None:
    announcement = DataChannelOpen(label=label, protocol=protocol, ordered=ordered, **limits)
    assert parse_data_channel_open(announcement.encode()) == announcement


@pytest.mark.parametrize(
    ("announcement", "wire"),
    [
        (DataChannelOpen(label="ab"), "03 00 0100 00000000 0002 0000 6162"),
        (DataChannelOpen(label="", protocol="é"), "03 00 0100 00000000 0000 0002 c3a9"),
        (
            DataChannelOpen(label="", ordered=False, max_retransmits=3),
            "03 81 0100 00000003 0000 0000",
        ),
        (DataChannelOpen(label="", max_packet_life_time=9), "03 02 0100 00000009 0000 0000"),
        (DataChannelOpen(label="", priority=Priority.HIGH), "03 00 0400 00000000 0000 0000"),
    ],
)
def test_data_channel_open_is_encoded_as_in_rfc_8832(
    announcement: DataChannelOpen, wire: str
) -> None:
    assert announcement.encode() == bytes.fromhex(wire)


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "02",
        "03 00 0000 00000000 0000",
        "03 00 0000 00000000 0001 0000",
        "03 00 0000 00000000 0001 0001 61",
        "03 03 0000 00000000 0000 0000",
    ],
)
def test_malformed_data_channel_open_is_none(wire: str) -> None:
    assert parse_data_channel_open(bytes.fromhex(wire)) is None


def test_cut_label_of_data_channel_open_is_replaced() -> None:
    # aiortc counts characters, and so announces a label of one byte here.
    announcement = parse_data_channel_open(bytes.fromhex("03 00 0000 00000000 0001 0000 c3a9"))
    assert announcement == DataChannelOpen(label="�")


@given(st.binary(max_size=40))
def test_parse_data_channel_open_never_raises(message: bytes) -> None:
    parse_data_channel_open(b"\x03" + message)


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        (0, Priority.VERY_LOW),
        (128, Priority.VERY_LOW),
        (256, Priority.LOW),
        (257, Priority.MEDIUM),
        (512, Priority.MEDIUM),
        (1024, Priority.HIGH),
        (65_535, Priority.HIGH),
    ],
)
def test_priority_of_data_channel_open_is_of_four_levels(value: int, priority: Priority) -> None:
    wire = bytes.fromhex(f"03 00 {value:04x} 00000000 0000 0000")
    announcement = parse_data_channel_open(wire)
    assert announcement is not None
    assert announcement.priority is priority
