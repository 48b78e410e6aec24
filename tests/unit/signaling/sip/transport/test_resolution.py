"""SRV records of a domain name its servers (RFC 3263, RFC 2782)."""

from __future__ import annotations

import asyncio
from collections import Counter

import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.asyncresolver import Resolver

from signaling.sip.transport.resolution import SrvRecord, in_order, locate
from signaling.sip.transport.urls import read_url
from tests.support.sip.servers import UdpEnd


def record(host: str, *, priority: int = 0, weight: int = 0) -> SrvRecord:
    return SrvRecord(priority=priority, weight=weight, host=host, port=5060)


def test_records_are_tried_by_priority() -> None:
    records = [record("c", priority=9), record("a"), record("b", priority=5, weight=100)]
    assert [each.host for each in in_order(records)] == ["a", "b", "c"]


@pytest.mark.parametrize(("chance", "first"), [(0, "a"), (1, "b"), (3, "b"), (4, "c"), (9, "c")])
def test_the_weight_of_a_record_is_its_share(chance: int, first: str) -> None:
    records = [record("a"), record("b", weight=3), record("c", weight=6)]
    chances = iter([chance])
    assert in_order(records, lambda end: next(chances, end - 1))[0].host == first


def test_every_record_is_tried_once() -> None:
    records = [record(str(index), priority=index % 2, weight=index) for index in range(9)]
    assert Counter(in_order(records)) == Counter(records)


async def answer(server: UdpEnd, *lines: str) -> None:
    data, source = await server.next()
    query = dns.message.from_wire(data)
    response = dns.message.make_response(query)
    name = query.question[0].name
    if lines:
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", *lines))
    else:
        response.set_rcode(dns.rcode.NXDOMAIN)
    server.send(response.to_wire(), source[1])


@pytest.mark.parametrize(
    ("url", "lines", "places"),
    [
        (
            "sips:example.org",
            ["1 0 5071 b.example.org.", "0 0 5061 a.example.org."],
            [("a.example.org", 5061), ("b.example.org", 5071)],
        ),
        ("sip:example.org;transport=tcp", [], [("example.org", 5060)]),
        ("sip:example.org", ["0 0 0 ."], [("example.org", 5060)]),
    ],
    ids=["records", "no record", "no service"],
)
async def test_records_of_a_domain_are_looked_up(
    url: str, lines: list[str], places: list[tuple[str, int]]
) -> None:
    async with UdpEnd() as server:
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        answering = asyncio.create_task(answer(server, *lines))
        assert await locate(read_url(url, insecure=True), resolver=resolver) == places
        await answering


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sips:192.0.2.1", ("192.0.2.1", 5061)),
        ("sips:example.org:5099", ("example.org", 5099)),
        ("sip:localhost", ("localhost", 5060)),
        ("wss://example.org/sip", ("example.org", 443)),
    ],
)
async def test_an_address_or_a_port_leaves_nothing_to_look_up(
    url: str, place: tuple[str, int]
) -> None:
    resolver = Resolver(configure=False)
    assert await locate(read_url(url), resolver=resolver) == [place]
