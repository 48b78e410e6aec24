"""The pure SCTP association: how it begins, how it ends, and what no peer should send."""

from __future__ import annotations

import random

import pytest
from aiortc.rtcsctptransport import Chunk as AiortcChunk
from aiortc.rtcsctptransport import CookieEchoChunk, DataChunk, InitChunk, SackChunk, parse_packet

from peer.transport.sctp.core.association import AssociationState
from peer.transport.sctp.core.chunks import ChunkType, PacketWriter, chunk, data_chunk
from peer.transport.sctp.core.events import (
    ABORTED,
    EXCESSIVE,
    SHUT_DOWN,
    SILENT,
    AssociationEnded,
    Established,
    OwnStreamsReset,
    PeerKnown,
    StreamsReset,
)
from peer.transport.sctp.core.settings import SctpSettings
from tests.support.links.sctp_cores import CoreEnd, CoreLink

FAST = SctpSettings(attempts=3)


def writer(tag: int) -> PacketWriter:
    return PacketWriter(source=5000, destination=5000, tag=tag)


def chunks_of(end: CoreEnd) -> list[list[AiortcChunk]]:
    """The packets that an end has sent, as aiortc reads them."""
    return [parse_packet(packet)[3] for packet in end.path.sent]


def forge(link: CoreLink, *wires: bytes, to: CoreEnd) -> None:
    """Hand an end a packet such as its peer would send."""
    packet = writer(to.association.tag).write(wires)
    to.association.receive(packet, link.now)
    link.flush()


def expected_tsn(end: CoreEnd) -> int:
    assert end.association.receiver is not None
    return (end.association.receiver.tsns.cumulative + 1) % 2**32


def whole(tsn: int, payload: bytes = b"x", *, flags: int = 3, stream: int = 0) -> bytes:
    return data_chunk(
        flags=flags, tsn=tsn % 2**32, stream=stream, sequence=0, protocol=53, payload=payload
    )


# ---- The beginning


def test_sctp_association_opens_where_both_ends_begin_at_once() -> None:
    link = CoreLink()
    link.connect()
    assert [end.got for end in link.ends] == [[PeerKnown(), Established()]] * 2


def test_sctp_association_opens_where_one_end_begins() -> None:
    link = CoreLink()
    link.left.association.connect(link.now)
    link.run(1)
    assert [end.association.state for end in link.ends] == [AssociationState.ESTABLISHED] * 2


def test_first_messages_go_with_the_cookie_echo() -> None:
    link = CoreLink()
    link.left.send(b"opening")
    link.left.send(b"first")
    link.left.association.connect(link.now)
    link.run(0.031)
    # INIT, INIT ACK, and the packet with all of it: one and a half round trips of 20 ms.
    assert [message.data for message in link.right.messages] == [b"opening", b"first"]
    (echo,) = (each for each in chunks_of(link.left) if isinstance(each[0], CookieEchoChunk))
    assert [type(each) for each in echo[1:]] == [DataChunk, DataChunk]


def test_what_does_not_fit_beside_the_cookie_waits_for_its_answer() -> None:
    link = CoreLink()
    for _ in range(5):
        link.left.send(bytes(1000))
    link.left.association.connect(link.now)
    link.run(0.021)
    with_data = [each for each in chunks_of(link.left) if isinstance(each[-1], DataChunk)]
    assert [type(packet[0]) for packet in with_data] == [CookieEchoChunk]
    link.run(1)
    assert len(link.right.messages) == 5


@pytest.mark.parametrize("lost", range(4))
def test_sctp_handshake_repairs_the_loss_of_each_of_its_packets(lost: int) -> None:
    link = CoreLink()
    order = iter(range(100))
    for end in link.ends:
        end.path.keep = lambda packet: next(order) != lost
    link.left.send(b"hello")
    begun = link.now
    link.left.association.connect(link.now)
    while not (link.right.messages and link.left.has(Established)):
        link.run(0.01)
    # RTO.Initial is 0.5 s.
    assert link.now - begun < 0.7


def test_a_peer_that_never_answers_is_given_up() -> None:
    link = CoreLink(FAST)
    link.left.path.keep = lambda packet: False
    link.left.association.connect(link.now)
    link.run(60)
    assert link.left.got == [AssociationEnded(SILENT)]
    assert len(link.left.path.sent) == 1 + FAST.attempts


def test_an_init_that_comes_again_is_answered_and_changes_nothing() -> None:
    link = CoreLink()
    link.connect()
    (init,) = (each for each in link.right.path.sent if type(parse_packet(each)[3][0]) is InitChunk)
    link.right.send(b"before")
    link.run(1)
    before = expected_tsn(link.left)
    link.left.association.receive(init, link.now)
    link.run(1)
    assert expected_tsn(link.left) == before
    link.right.send(b"after")
    link.run(1)
    assert [message.data for message in link.left.messages] == [b"before", b"after"]


def test_a_cookie_that_is_not_ours_establishes_nothing() -> None:
    link = CoreLink()
    link.left.association.connect(link.now)
    link.run(0.011)
    forge(link, chunk(ChunkType.COOKIE_ECHO, bytes(16)), to=link.right)
    assert not link.right.has(Established)


# ---- The end


def test_an_abort_reaches_the_peer() -> None:
    link = CoreLink()
    link.connect()
    link.left.association.abort()
    link.run(1)
    assert link.right.got[-1] == AssociationEnded(ABORTED, 12)
    assert link.left.association.deadline is None


def test_a_shutdown_of_the_peer_ends_the_association() -> None:
    link = CoreLink()
    link.connect()
    forge(link, chunk(ChunkType.SHUTDOWN, bytes(4)), to=link.left)
    assert link.left.got[-1] == AssociationEnded(SHUT_DOWN)


def test_a_peer_that_stops_acknowledging_is_given_up() -> None:
    link = CoreLink(FAST)
    link.connect()
    link.left.path.keep = lambda packet: False
    link.left.send(b"into nowhere")
    link.run(60)
    assert link.left.got[-1] == AssociationEnded(SILENT)


# ---- What is refused


def test_packets_with_another_tag_or_checksum_are_dropped() -> None:
    link = CoreLink()
    link.connect()
    abort = chunk(ChunkType.ABORT)
    end = link.left
    wrong_tag = writer(end.association.tag ^ 1).write((abort,))
    right = writer(end.association.tag).write((abort,))
    wrong_sum = right[:8] + bytes(4) + right[12:]
    for packet in (wrong_tag, wrong_sum):
        assert end.association.receive(packet, link.now) == 0
    assert end.association.state is AssociationState.ESTABLISHED
    assert end.association.malformed == 1


def test_data_far_ahead_is_refused_and_costs_nothing() -> None:
    link = CoreLink()
    link.connect()
    tsn = expected_tsn(link.left)
    forge(link, whole(tsn + SctpSettings().tsns_ahead), to=link.left)
    assert link.left.association.refused_chunks == 1
    forge(link, whole(tsn + SctpSettings().tsns_ahead - 1), to=link.left)
    assert link.left.association.refused_chunks == 1


def test_fragments_that_never_become_messages_end_the_association() -> None:
    link = CoreLink(SctpSettings(held=100))
    link.connect()
    tsn = expected_tsn(link.left)
    for number in range(101):
        forge(link, whole(tsn + number, flags=0), to=link.left)
    assert link.left.got[-1] == AssociationEnded(EXCESSIVE)


def test_a_sack_of_what_was_never_sent_is_ignored() -> None:
    link = CoreLink()
    link.connect()
    link.left.path.keep = lambda packet: False
    link.left.send(b"x")
    link.flush()
    sender = link.left.association.sender
    beyond = (sender.last_tsn + 1).to_bytes(4, "big") + bytes(8)
    forge(link, chunk(ChunkType.SACK, beyond), to=link.left)
    assert sender.in_flight.bytes == 1


def test_heartbeats_are_answered_in_bounds() -> None:
    link = CoreLink()
    link.connect()
    before = len(link.left.path.sent)
    beat = chunk(ChunkType.HEARTBEAT, b"\0\1\0\10same")
    packet = writer(link.left.association.tag).write([beat] * 90)
    link.left.association.receive(packet, link.now)
    link.flush()
    answers = [each for packet in chunks_of(link.left)[before:] for each in packet]
    assert 0 < len(answers) <= 64


def test_bytes_of_chance_never_raise_and_leave_the_association_as_it_was() -> None:
    link = CoreLink()
    link.connect()
    for number in range(40):
        link.left.send(bytes(number * 70 + 1), max_retransmits=1)
        link.right.send(b"y")
    link.run(2)
    source = random.Random(7)
    packets = [p for p in link.left.path.sent if len(p) > 20]
    end = link.right
    for _ in range(4000):
        packet = bytearray(source.choice(packets))
        for _ in range(source.randrange(1, 4)):
            packet[source.randrange(12, len(packet))] = source.randrange(256)
        body = writer(end.association.tag).write((bytes(packet[12:]),))
        end.association.receive(body, link.now)
        end.association.receive(source.randbytes(source.randrange(64)), link.now)
        end.association.transmit(link.now, 10)
    assert end.association.malformed > 0


# ---- Streams


def test_a_stream_is_reset_after_its_messages_and_begins_anew() -> None:
    link = CoreLink()
    link.connect()
    for _ in range(20):
        link.left.send(bytes(3000), stream=7)
    link.left.association.reset_stream(7)
    link.run(3)
    kinds = [type(event) for event in link.right.got]
    assert kinds.index(StreamsReset) == len(kinds) - 1
    assert len(link.right.messages) == 20
    assert link.left.got[-1] == OwnStreamsReset((7,))
    link.left.send(b"again", stream=7)
    link.run(1)
    assert link.right.messages[-1].data == b"again"


@pytest.mark.parametrize("seed", range(5))
def test_stream_resets_survive_loss_in_both_directions(seed: int) -> None:
    link = CoreLink()
    link.connect()
    source = random.Random(seed)
    for end in link.ends:
        end.path.keep = lambda packet: source.random() > 0.3
    for number in range(30):
        link.left.send(str(number).encode(), stream=number % 3)
        if number % 3 == 2:
            for stream in range(3):
                link.left.association.reset_stream(stream)
            while sum(isinstance(e, OwnStreamsReset) for e in link.left.got) <= number // 3:
                link.run(5)
    done = [event.streams for event in link.left.got if isinstance(event, OwnStreamsReset)]
    there = [event.streams for event in link.right.got if isinstance(event, StreamsReset)]
    assert done == there
    assert sum(map(len, done)) == 30
    assert len(link.right.messages) == 30


def test_sacks_that_aiortc_reads_say_what_has_come() -> None:
    link = CoreLink()
    link.connect()
    tsn = expected_tsn(link.left)
    forge(link, whole(tsn), whole(tsn + 2), whole(tsn + 3), whole(tsn + 5), to=link.left)
    (sack,) = chunks_of(link.left)[-1]
    assert isinstance(sack, SackChunk)
    assert (sack.cumulative_tsn, sack.gaps) == (tsn, [(2, 3), (5, 5)])
