"""Transport-wide feedback packets are parsed and written."""

from __future__ import annotations

import random

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import TransportFeedback, parse, write
from peer.rtp.rtcp.compound import STATUSES_LIMIT
from tests.support.clock.work import lines_run


def feedback(*arrivals: int | None, **changes: int) -> TransportFeedback:
    fields = {"sender_ssrc": 1, "media_ssrc": 2, "count": 3, "base_sequence": 4}
    return TransportFeedback(**{"reference_time": 5, **fields, **changes}, arrivals=arrivals)


def octets(count: int, chunks: str, deltas: str) -> bytes:
    """A packet about so many packets, with no more than it needs."""
    rest = bytes.fromhex(chunks) + bytes.fromhex(deltas)
    rest += bytes(-len(rest) % 4)
    start = bytes.fromhex("00000001 00000002 0004") + count.to_bytes(2, "big")
    body = start + bytes.fromhex("000005 03") + rest
    return b"\x8f\xcd" + (len(body) // 4).to_bytes(2, "big") + body


def test_twcc_of_many_losses_costs_no_more_than_its_octets() -> None:
    data = write([feedback(*[None] * 65_533, 3, 5)])
    assert len(data) < 50
    (parsed,) = parse(data)
    assert isinstance(parsed, TransportFeedback)
    assert parsed.arrivals == (*[None] * 65_533, 3, 5)
    assert lines_run(lambda: parse(data)) < 300


def test_feedback_of_one_datagram_on_more_packets_than_there_are_is_refused() -> None:
    most = write([feedback(*[None] * 40_000, 1), feedback(*[None] * (STATUSES_LIMIT - 40_001))])
    assert len(parse(most)) == 2
    with pytest.raises(MalformedError, match="too many packets"):
        parse(most + write([feedback(1)]))


def test_twcc_of_a_real_peer_is_parsed() -> None:
    # As Chromium sends it, padded by one octet; pion tests itself with the same.
    data = bytes.fromhex("afcd0005 fa17fa17 43032fa0 00990001 3de80217 20019401")
    assert parse(data) == [
        TransportFeedback(
            sender_ssrc=0xFA17FA17,
            media_ssrc=0x43032FA0,
            count=23,
            base_sequence=153,
            reference_time=4_057_090,
            arrivals=(148,),
        )
    ]


@pytest.mark.parametrize(
    ("count", "chunks", "deltas", "arrivals"),
    [
        # The examples of section 3.1.3 and 3.1.4 of the draft, with deltas of ours.
        (222, "00dd 2001", "05", [None] * 221 + [5]),
        (
            14,
            "9f1c",
            "01 02 03 04 05 06 07 08",
            [None, 1, 3, 6, 10, 15, None, None, None, 21, 28, 36, None, None],
        ),
        # One of 14: what a list has beyond the count says nothing.
        (1, "bfff", "09", [9]),
        (7, "c186", "0a 0100 01 ff00", [None, None, 10, 266, None, 267, 11]),
        # Runs of each status, and of none.
        (3, "2003", "00 ff 01", [0, 255, 256]),
        (2, "4002", "8000 7fff", [-32768, -1]),
        (2, "0000 2000 2002", "01 01", [1, 2]),
        (2, "3fff", "01 01", [1, 2]),
    ],
)
def test_twcc_chunks_are_parsed(
    count: int, chunks: str, deltas: str, arrivals: list[int | None]
) -> None:
    assert parse(octets(count, chunks, deltas)) == [feedback(*arrivals)]


@pytest.mark.parametrize(
    ("arrivals", "chunks", "deltas"),
    [
        # Runs where they are as short as lists, lists of one bit, of two, and what remains.
        ([7], "2001", "07"),
        ([*range(20)], "2014", "00" + "01" * 19),
        ([0, None] * 7, "aaaa", "00" * 7),
        ([0, None] * 6 + [0, 0, 0], "aaab 2001", "00" * 9),
        ([256, None, 256], "e100", "0100 00"),
        ([-1], "4001", "ffff"),
        ([*[None] * 8192, 1], "1fff 8000 2000", ""),
    ],
)
def test_twcc_chunks_use_shortest_encoding(
    arrivals: list[int | None], chunks: str, deltas: str
) -> None:
    written = write([feedback(*arrivals)])
    assert parse(written) == [feedback(*arrivals)]
    if deltas:
        assert written == octets(len(arrivals), chunks, deltas)


@pytest.mark.parametrize("time", [-(1 << 23), -1, 0, (1 << 23) - 1])
def test_twcc_reference_time_has_a_sign(time: int) -> None:
    assert parse(write([feedback(1, reference_time=time)])) == [feedback(1, reference_time=time)]


def test_twcc_round_trips_any_arrivals() -> None:
    generator = random.Random(5)
    for _ in range(300):
        loss, jitter = generator.random(), generator.choice([1, 100, 300, 9000])
        arrivals: list[int | None] = []
        now = 0
        for _ in range(generator.randint(1, 200)):
            now += generator.randint(-jitter, jitter * 2)
            arrivals.append(None if generator.random() < loss else now)
        packet = feedback(*arrivals)
        try:
            written = write([packet])
        except ValueError:
            assert jitter == 9000
            continue
        assert parse(written) == [packet]


def test_longest_twcc_is_parsed_and_written() -> None:
    arrivals = [None] * 0xFFFE + [1]
    assert parse(write([feedback(*arrivals)])) == [feedback(*arrivals)]


@pytest.mark.parametrize(
    "arrivals", [(), (None,) * 0x10000, (32768,), (-32769,), (0, None, 32768), (100, -32669)]
)
def test_twcc_refuses_values_that_do_not_fit(arrivals: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match="feedback"):
        write([feedback(*arrivals)])


def test_twcc_writes_the_largest_deltas() -> None:
    assert parse(write([feedback(32767, -1, None, -32769)])) == [feedback(32767, -1, None, -32769)]


@pytest.mark.parametrize(
    "data",
    [
        "8fcd0002 00000001 00000002",
        "8fcd0003 00000001 00000002 00040001",
        # No chunk, a chunk for fewer, a delta too few, half a delta, a reserved status.
        "8fcd0004 00000001 00000002 00040001 00000503",
        "8fcd0005 00000001 00000002 00040003 00000503 20012001",
        "8fcd0005 00000001 00000002 00040003 00000503 20030101",
        "afcd0005 00000001 00000002 00040001 00000503 40010101",
        "8fcd0006 00000001 00000002 00040001 00000503 60010101 01010101",
        "8fcd0006 00000001 00000002 00040001 00000503 f0000101 01010101",
    ],
)
def test_twcc_that_breaks_the_format_is_malformed(data: str) -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex(data))


def test_twcc_on_no_packet_is_malformed() -> None:
    with pytest.raises(MalformedError):
        parse(octets(0, "0000", ""))
