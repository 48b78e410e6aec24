"""Messages out of DATA chunks: in any order, with gaps, skipped, reset, and in bounded work."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer.transport.wire.sctp_reassembly import STREAM_LIMIT, Reassembly, WholeMessage
from tests.support.clock.work import lines_run

if TYPE_CHECKING:
    from collections.abc import Callable

LAST, FIRST, UNORDERED = 1, 2, 4
WHOLE = FIRST | LAST


@dataclass
class Data:
    tsn: int
    stream_id: int = 1
    stream_seq: int = 0
    flags: int = WHOLE
    user_data: bytes = b"x"
    protocol: int = 53


def texts(messages: list[WholeMessage]) -> list[str]:
    return [message.data.decode() for message in messages]


def message(tsn: int, text: str, sequence: int = 0, *, stream: int = 1) -> list[Data]:
    """Write a message with a character in each fragment."""
    return [
        Data(
            (tsn + index) % 2**32,
            stream,
            sequence,
            FIRST * (index == 0) | LAST * (index == len(text) - 1),
            character.encode(),
        )
        for index, character in enumerate(text)
    ]


def add_all(reassembly: Reassembly, fragments: list[Data]) -> list[WholeMessage]:
    return [each for fragment in fragments for each in reassembly.add(fragment)]


def test_a_message_is_whole_with_its_last_fragment_to_come() -> None:
    reassembly = Reassembly()
    first, second, third = message(10, "abc")
    assert reassembly.add(third) == reassembly.add(first) == []
    assert (len(reassembly), reassembly.size) == (2, 2)
    assert reassembly.add(second) == [WholeMessage(1, 53, b"abc")]
    assert (len(reassembly), reassembly.size) == (0, 0)


def test_ordered_messages_wait_for_the_one_before() -> None:
    reassembly = Reassembly()
    assert add_all(reassembly, message(12, "two", 1)) == []
    assert add_all(reassembly, message(15, "3", 2)) == []
    assert texts(add_all(reassembly, message(10, "1", 0))) == ["1", "two", "3"]
    assert len(reassembly) == 0


def test_a_message_of_another_stream_does_not_wait() -> None:
    reassembly = Reassembly()
    add_all(reassembly, message(12, "later", 1))
    assert texts(add_all(reassembly, message(20, "now", 0, stream=2))) == ["now"]


def test_an_unordered_message_does_not_wait() -> None:
    reassembly = Reassembly()
    reassembly.add(Data(11, stream_seq=1))
    assert reassembly.add(Data(12, flags=WHOLE | UNORDERED)) == [WholeMessage(1, 53, b"x")]


def test_fragments_of_two_messages_are_not_joined() -> None:
    reassembly = Reassembly()
    reassembly.add(Data(10, flags=FIRST))
    assert reassembly.add(Data(11, flags=LAST, stream_id=2)) == []
    reassembly.add(Data(20, flags=FIRST))
    assert reassembly.add(Data(21, flags=LAST | UNORDERED)) == []
    reassembly.add(Data(30, flags=FIRST))
    assert reassembly.add(Data(31, flags=LAST, stream_seq=1)) == []
    assert len(reassembly) == 6


@pytest.mark.parametrize("begin", [5, 2**32 - 40])
def test_every_message_comes_once_and_in_order_however_chunks_are_mixed(begin: int) -> None:
    source = random.Random(begin)
    for _ in range(50):
        fragments: list[Data] = []
        sent: dict[int, list[str]] = {1: [], 2: []}
        for number in range(20):
            stream = source.choice([1, 2])
            text = f"{number:0{source.randrange(2, 6)}}"
            fragments += message(begin + len(fragments), text, len(sent[stream]), stream=stream)
            sent[stream].append(text)
        source.shuffle(fragments)
        reassembly = Reassembly()
        got = add_all(reassembly, fragments)
        for stream, expected in sent.items():
            assert texts([each for each in got if each.stream == stream]) == expected
        assert (len(reassembly), reassembly.size) == (0, 0)


def test_skipped_messages_let_the_later_ones_through() -> None:
    reassembly = Reassembly()
    assert add_all(reassembly, message(12, "c", 2)) == []
    assert add_all(reassembly, message(11, "b", 1)) == []
    assert texts(reassembly.skip(10, [9], [(1, 0)])) == ["b", "c"]
    assert (len(reassembly), reassembly.size) == (0, 0)


def test_waiting_messages_before_a_skipped_one_come_first() -> None:
    reassembly = Reassembly()
    for tsn, text, sequence in ((11, "b", 1), (14, "e", 4), (16, "g", 6)):
        add_all(reassembly, message(tsn, text, sequence))
    assert texts(reassembly.skip(13, [9, 11], [(1, 3)])) == ["b", "e"]
    assert texts(reassembly.skip(15, [14], [(1, 5), (1, 2)])) == ["g"]


@pytest.mark.parametrize("begin", [100, 2**32 - 3])
def test_fragments_of_a_skipped_message_are_dropped(begin: int) -> None:
    reassembly = Reassembly()
    reassembly.add(Data(1000, 2, flags=FIRST))
    fragments = message(begin, "abcdef")
    add_all(reassembly, [fragments[0], fragments[1], fragments[3]])
    passed = [fragments[1].tsn, fragments[3].tsn]
    assert reassembly.skip(fragments[5].tsn, passed, [(1, 0)]) == []
    assert (len(reassembly), reassembly.size) == (1, 1)


def test_a_message_that_goes_on_after_the_skipped_ones_is_kept() -> None:
    reassembly = Reassembly()
    first, second, third = message(11, "abc", 1)
    add_all(reassembly, [first, second])
    # RFC 3758 section 3.6: up to 12, and nothing is missing of what goes on with 13.
    assert reassembly.skip(12, [9, 11, 12], [(1, 0)]) == []
    assert texts(reassembly.add(third)) == ["abc"]


def test_a_run_without_beginning_is_dropped_with_what_is_skipped() -> None:
    reassembly = Reassembly()
    _, second, third, _ = message(11, "abcd", 1)
    add_all(reassembly, [second, third])
    assert reassembly.skip(12, [9, 12], [(1, 1)]) == []
    assert (len(reassembly), reassembly.size) == (0, 0)


def test_a_reset_stream_begins_anew() -> None:
    reassembly = Reassembly()
    assert texts(add_all(reassembly, message(10, "a", 0))) == ["a"]
    add_all(reassembly, message(12, "later", 2))
    add_all(reassembly, [*message(20, "abc", 3)[:2], *message(30, "abc", 4)[1:]])
    add_all(reassembly, message(40, "abc", 3, stream=2)[:1])
    reassembly.reset(1)
    assert (len(reassembly), reassembly.size) == (1, 1)
    reassembly.reset(2)
    assert (len(reassembly), reassembly.size) == (0, 0)
    assert texts(add_all(reassembly, message(50, "new", 0))) == ["new"]


def test_a_sequence_number_that_comes_twice_counts_once() -> None:
    reassembly = Reassembly()
    reassembly.add(Data(11, stream_seq=1, user_data=b"first"))
    assert reassembly.add(Data(12, stream_seq=1, user_data=b"second")) == []
    assert texts(reassembly.add(Data(10))) == ["x", "first"]
    assert (len(reassembly), reassembly.size) == (0, 0)


def test_streams_of_a_peer_are_bounded() -> None:
    reassembly = Reassembly(is_known=lambda stream: stream == 60_000)
    for stream in range(STREAM_LIMIT):
        assert reassembly.has_room_for(stream)
        reassembly.add(Data(stream, stream))
    assert not reassembly.has_room_for(50_000)
    assert reassembly.has_room_for(60_000)
    reassembly.skip(STREAM_LIMIT, [], [(number, 0) for number in range(9000)])
    assert f"{STREAM_LIMIT} streams" in repr(reassembly)
    reassembly.reset(5)
    assert reassembly.has_room_for(50_000)


def crowded(kept: int) -> Reassembly:
    """Keep fragments and whole messages that wait, of many streams."""
    reassembly = Reassembly()
    for number in range(kept):
        reassembly.add(Data(5000 + 2 * number, number % 500, flags=FIRST))
        reassembly.add(Data(5001 + 2 * number, number % 500, 2 + number // 500))
    return reassembly


PACKETS: dict[str, tuple[Callable[[Reassembly], object], int]] = {
    "data": (lambda at: [at.add(Data(10 + n, flags=0)) for n in range(60)], 60 * 60),
    "forward tsn": (lambda at: [at.skip(10 + n, [9 + n], []) for n in range(100)], 100 * 20),
    "a forward tsn of many streams": (
        lambda at: at.skip(10, [9], [(n % 500, 0) for n in range(250)]),
        250 * 40,
    ),
    "reset": (lambda at: list(map(at.reset, range(60_000, 60_600))), 600 * 10),
}


@pytest.mark.parametrize(("packet", "most"), PACKETS.values(), ids=PACKETS)
def test_work_of_a_packet_does_not_grow_with_what_is_kept(
    packet: Callable[[Reassembly], object], most: int
) -> None:
    few, many = crowded(50), crowded(3500)
    assert lines_run(lambda: packet(few)) <= most
    assert lines_run(lambda: packet(many)) <= most
