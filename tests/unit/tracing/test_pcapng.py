"""Pcapng blocks are read back by a parser that shares no code with the writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.tracing.pcapng import Endpoint, Flow, header, packet, secrets, udp_packet
from tests.support.captures.pcapng import blocks, datagrams, key_log, options

PORTS = st.integers(0, 65535)
PAYLOADS = st.binary(max_size=1500)
FAMILIES = st.sampled_from([st.ip_addresses(v=4), st.ip_addresses(v=6)])


@st.composite
def endpoints(draw: st.DrawFn) -> tuple[Endpoint, Endpoint]:
    addresses = draw(FAMILIES)
    here, there = draw(addresses), draw(addresses)
    return Endpoint(here, draw(PORTS)), Endpoint(there, draw(PORTS))


@given(ends=endpoints(), payload=PAYLOADS, flow=st.sampled_from(Flow), time=st.integers(0, 2**61))
def test_pcapng_datagram_is_read_back(
    ends: tuple[Endpoint, Endpoint], payload: bytes, flow: Flow, time: int
) -> None:
    source, target = ends
    data = header("test") + packet(time, udp_packet(source, target, payload), flow)

    (found,) = datagrams(data)
    assert found.payload == payload
    assert found.inbound == (flow is Flow.INBOUND)
    assert found.source == f"{source.address}:{source.port}"
    assert found.target == f"{target.address}:{target.port}"
    assert found.time == time / 1e9


@given(lines=st.lists(st.binary(max_size=200), max_size=5))
def test_pcapng_secrets_are_read_back(lines: list[bytes]) -> None:
    data = header("test") + b"".join(map(secrets, lines))

    assert key_log(data) == b"".join(lines)
    assert datagrams(data) == []


def test_pcapng_header_names_the_program() -> None:
    section, _ = blocks(header("handfast"))

    assert options(section.body[16:])[4] == b"handfast"


def test_udp_checksum_of_zero_is_written_as_ones() -> None:
    here, there = Endpoint.parse("192.0.2.1:1"), Endpoint.parse("192.0.2.2:2")
    # A payload of the very checksum that the packet has without it.
    payload = udp_packet(here, there, bytes(2))[26:28]

    data = udp_packet(here, there, payload)
    assert data[26:28] == b"\xff\xff"
    assert datagrams(header("test") + packet(0, data, Flow.INBOUND))


def test_udp_packet_between_ipv4_and_ipv6_is_refused() -> None:
    with pytest.raises(ValueError, match="family"):
        udp_packet(Endpoint.parse("192.0.2.1:1"), Endpoint.parse("[2001:db8::1]:1"), b"")


def test_udp_payload_above_65507_bytes_is_refused() -> None:
    here = Endpoint.parse("192.0.2.1:1")
    with pytest.raises(ValueError, match="65508 bytes"):
        udp_packet(here, here, bytes(65508))


@pytest.mark.parametrize("text", ["", "x", "192.0.2.1", "192.0.2.1:65536", "192.0.2:1", "name:1"])
def test_malformed_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Endpoint.parse(text)


def test_zone_of_ipv6_endpoint_is_ignored() -> None:
    assert Endpoint.parse("[fe80::1%eth0]:5") == Endpoint.parse("[fe80::1]:5")
