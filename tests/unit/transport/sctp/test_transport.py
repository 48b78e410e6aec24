"""DataTransport over an in-memory link: channels, their limits and their end."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from aiortc.rtcsctptransport import (
    AbortChunk,
    Chunk,
    InitChunk,
    SackChunk,
    ShutdownChunk,
)

from peer.errors import ConfigurationError, InvalidAccessError, InvalidStateError
from peer.states import SctpTransportState
from peer.transport.adapters.sctp_association import CHANNEL_LIMIT
from peer.transport.adapters.sctp_bounds import HELD_LIMIT
from peer.transport.adapters.sctp_sender import AHEAD_LIMIT
from tests.support.clock.work import lines_run
from tests.support.links.data_ends import End, fragment, next_event, open_pair, with_checksum


async def test_data_channel_created_before_start_opens_with_association(
    ends: tuple[End, End],
) -> None:
    ours, theirs = await open_pair(*ends)
    received = next_event(theirs, "message")
    ours.send("hello")
    assert await received == "hello"
    assert ends[0].transport.state is SctpTransportState.CONNECTED


async def test_data_channel_created_after_start_opens(ends: tuple[End, End]) -> None:
    await open_pair(*ends)
    ours, theirs = await open_pair(*ends)
    assert (ours.readyState, theirs.readyState) == ("open", "open")
    assert ours.id == theirs.id


async def test_data_channel_is_open_without_a_round_trip(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    right.link.wire.keep = lambda packet: False
    await next_event(left.transport.createDataChannel("late"), "open")


async def test_unordered_data_channel_waits_for_dcep_ack(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    right.link.wire.keep = lambda packet: False
    ours = left.transport.createDataChannel("late", ordered=False)
    await right.channels.get()
    assert ours.readyState == "connecting"


async def test_dtls_role_decides_data_channel_ids(ends: tuple[End, End]) -> None:
    left, right = ends
    client, _ = await open_pair(left, right)
    server, _ = await open_pair(right, left)
    assert client.id is not None
    assert server.id is not None
    assert (client.id % 2, server.id % 2) == (0, 1)


async def test_data_channel_parameters_reach_the_peer(ends: tuple[End, End]) -> None:
    _, theirs = await open_pair(*ends, ordered=False, maxRetransmits=3, protocol="p")
    assert (theirs.ordered, theirs.maxRetransmits, theirs.protocol) == (False, 3, "p")


async def test_data_channel_label_beyond_ascii_reaches_the_peer(ends: tuple[End, End]) -> None:
    left, right = ends
    left.transport.createDataChannel("grüße 🖐", protocol="é")
    left.start()
    right.start()
    theirs = await right.channels.get()
    assert (theirs.label, theirs.protocol) == ("grüße 🖐", "é")


async def test_large_data_channel_message_arrives_whole(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    message = random.Random(1).randbytes(200_000)
    received = next_event(theirs, "message")
    ours.send(message)
    assert await received == message


async def test_negotiated_data_channels_open_without_dcep(ends: tuple[End, End]) -> None:
    left, right = ends
    ours = left.transport.createDataChannel("a", negotiated=True, id=7)
    theirs = right.transport.createDataChannel("b", negotiated=True, id=7)
    opened = [next_event(each, "open") for each in (ours, theirs)]
    left.start()
    right.start()
    await asyncio.gather(*opened)
    assert right.channels.empty()


async def test_data_channel_id_is_ignored_unless_negotiated(ends: tuple[End, End]) -> None:
    assert ends[0].transport.createDataChannel("a", id=9).id is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"maxPacketLifeTime": 1, "maxRetransmits": 1}, "exclude each other"),
        ({"maxPacketLifeTime": -1}, "maxPacketLifeTime"),
        ({"maxRetransmits": 65_536}, "maxRetransmits"),
        ({"protocol": "é" * 32_768}, "protocol"),
        ({"negotiated": True}, "needs an id"),
        ({"negotiated": True, "id": 65_535}, "id must be"),
    ],
)
async def test_data_channel_values_out_of_range_are_refused(
    ends: tuple[End, End], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        ends[0].transport.createDataChannel("a", **options)


@pytest.mark.parametrize("label", ["x" * 65_536, "\ud800"])
async def test_data_channel_labels_that_cannot_be_sent_are_refused(
    ends: tuple[End, End], label: str
) -> None:
    with pytest.raises(ConfigurationError, match="label"):
        ends[0].transport.createDataChannel(label)


async def test_second_data_channel_of_an_id_is_refused(ends: tuple[End, End]) -> None:
    ends[0].transport.createDataChannel("a", negotiated=True, id=1)
    with pytest.raises(InvalidAccessError, match="1"):
        ends[0].transport.createDataChannel("b", negotiated=True, id=1)


async def test_data_transport_close_closes_channels_on_both_sides(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    waiting = left.transport.createDataChannel("not announced")
    await left.transport.close()
    await right.closed.wait()
    assert [c.readyState for c in (ours, theirs, waiting)] == ["closed"] * 3
    assert right.transport.state is SctpTransportState.CLOSED


async def test_data_transport_close_before_start_closes_waiting_channels(
    ends: tuple[End, End],
) -> None:
    plain = ends[0].transport.createDataChannel("a")
    negotiated = ends[0].transport.createDataChannel("b", negotiated=True, id=0)
    await ends[0].transport.close()
    assert (plain.readyState, negotiated.readyState) == ("closed", "closed")
    with pytest.raises(InvalidStateError):
        ends[0].transport.createDataChannel("c")


@pytest.mark.parametrize("chunk", [AbortChunk, ShutdownChunk])
async def test_sctp_abort_or_shutdown_of_peer_closes_channels(
    ends: tuple[End, End], chunk: type[Chunk]
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    left.transport.receive(left.forge(chunk()))
    assert left.closed.is_set()
    assert ours.readyState == "closed"


async def test_sctp_sack_beyond_sent_data_is_ignored_cheaply(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    sack = SackChunk()
    sack.cumulative_tsn = right.expected_tsn - 1
    sack.gaps = [(1, 65_535)] * 250
    packet = left.forge(sack)
    # Followed block by block, it takes millions.
    assert lines_run(lambda: left.transport.receive(packet)) < 5000


async def test_data_channels_of_the_peer_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    for index in range(CHANNEL_LIMIT):
        announcement = fragment(tsn + index, stream=101 + index, flags=7)
        announcement.protocol = 50
        announcement.user_data = bytes([3]) + bytes(11)
        left.transport.receive(left.forge(announcement))
        await asyncio.sleep(0)
    assert left.channels.qsize() == CHANNEL_LIMIT - 1
    assert left.transport.refused_channels == 1


async def test_sctp_data_far_ahead_is_not_kept(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    received = left.expected_tsn - 1
    left.transport.receive(left.forge(fragment(received + AHEAD_LIMIT + 1)))
    assert left.transport.refused_chunks == 1
    left.transport.receive(left.forge(fragment(received + AHEAD_LIMIT)))
    assert left.transport.refused_chunks == 1


async def test_sctp_bytes_that_never_become_a_message_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    for index in range(1200):
        left.transport.receive(left.forge(fragment(tsn + index, size=1100, flags=0)))
        await asyncio.sleep(0)
    taken = (left.acknowledged_tsn - tsn + 1) % 2**32
    assert taken * 1100 <= 1024 * 1024 + 1100
    assert left.transport.refused_chunks == 1200 - taken


async def test_sctp_fragments_without_end_abort_the_association(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    tsn = left.expected_tsn
    chunks = [fragment(tsn + index, flags=0) for index in range(2 * HELD_LIMIT)]
    for start in range(0, len(chunks), 60):
        left.transport.receive(left.forge(*chunks[start : start + 60]))
        await asyncio.sleep(0)
        if left.closed.is_set():
            break
    assert ours.readyState == "closed"


async def test_sctp_init_bundled_with_other_chunks_is_dropped(ends: tuple[End, End]) -> None:
    left, _ = ends
    left.start()
    left.transport.receive(left.forge(InitChunk(body=bytes(16)), AbortChunk(), tag=0))
    assert left.transport.malformed == 1
    assert not left.closed.is_set()


async def test_sctp_data_before_the_association_is_dropped(ends: tuple[End, End]) -> None:
    left, _ = ends
    left.start()
    left.transport.receive(left.forge(fragment(1)))
    assert (left.transport.refused_chunks, left.transport.failed) == (1, 0)


async def test_hostile_sctp_packets_never_raise(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    source = random.Random(7)
    packets = list(left.link.wire.sent)
    for _ in range(3000):
        packet = bytearray(source.choice(packets))
        for _ in range(source.randrange(1, 4)):
            packet[source.randrange(12, len(packet))] = source.randrange(256)
        right.transport.receive(with_checksum(bytes(packet)))
        right.transport.receive(source.randbytes(source.randrange(64)))
    assert right.transport.malformed > 0


async def test_sctp_packet_that_aiortc_cannot_handle_costs_that_packet_only(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    # RFC 8832 section 5.2: an ACK, for a channel that does not exist.
    acknowledgement = fragment(right.expected_tsn, stream=400, flags=7)
    acknowledgement.protocol = 50
    acknowledgement.user_data = b"\x02"
    right.transport.receive(right.forge(acknowledgement))
    assert right.transport.failed == 1
    received = next_event(ours, "message")
    theirs.send("still here")
    assert await received == "still here"


async def test_sctp_parameter_of_length_zero_is_dropped(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    abort = AbortChunk()
    abort.params = [(1, b"")]
    packet = bytearray(left.forge(abort))
    packet[18:20] = bytes(2)
    left.transport.receive(with_checksum(bytes(packet)))
    assert left.transport.malformed == 1
    assert not left.closed.is_set()


async def test_closed_data_transport_ignores_packets(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    packet = left.forge(fragment(left.expected_tsn))
    await left.transport.close()
    sent = len(left.link.wire.sent)
    left.transport.receive(packet)
    assert len(left.link.wire.sent) == sent
