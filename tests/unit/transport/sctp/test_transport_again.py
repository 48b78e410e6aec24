"""What is sent again to a peer that has restarted SCTP."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.adapters.sctp_restart import Message, Sent, to_send_again

NOW = 100.0
ORDERED = Message(stream=0, protocol=51, data=b"x")
UNORDERED = replace(ORDERED, ordered=False)


def again(*sent: Sent) -> list[Message]:
    return to_send_again(sent, now=NOW)


def numbered(number: int, message: Message = ORDERED) -> Message:
    return replace(message, data=str(number).encode())


def test_unacknowledged__again_in_order() -> None:
    messages = [numbered(number) for number in range(3)]
    assert again(*(Sent(message=message, transmissions=1) for message in messages)) == messages


@pytest.mark.parametrize("message", [ORDERED, UNORDERED])
def test_acknowledged__not_again(message: Message) -> None:
    assert again(Sent(message=message, acknowledged=True)) == []


def test_acknowledged_behind_one_that_is_not_on_an_ordered_stream__again() -> None:
    first, second = numbered(1), numbered(2)
    assert again(Sent(message=first), Sent(message=second, acknowledged=True)) == [first, second]


@pytest.mark.parametrize("other", [replace(ORDERED, stream=2), UNORDERED])
def test_acknowledged_behind_one_that_it_does_not_wait_for__not_again(other: Message) -> None:
    assert again(Sent(message=ORDERED), Sent(message=other, acknowledged=True)) == [ORDERED]


def test_acknowledged_behind_one_without_order__not_again() -> None:
    sent = Sent(message=UNORDERED), Sent(message=ORDERED, acknowledged=True)
    assert again(*sent) == [UNORDERED]


def test_abandoned__not_again_but_what_waited_behind_it() -> None:
    sent = Sent(message=numbered(1), abandoned=True), Sent(message=numbered(2), acknowledged=True)
    assert again(*sent) == [numbered(2)]


@pytest.mark.parametrize(
    ("limit", "transmissions", "left"),
    [(0, 0, [0]), (0, 1, []), (3, 0, [3]), (3, 1, [2]), (3, 3, [0]), (3, 4, []), (None, 9, [None])],
)
def test_retransmissions__counted_on(
    limit: int | None, transmissions: int, left: list[int | None]
) -> None:
    message = replace(ORDERED, max_retransmits=limit)
    found = again(Sent(message=message, transmissions=transmissions))
    assert [each.max_retransmits for each in found] == left


@pytest.mark.parametrize(("expiry", "count"), [(NOW - 1, 0), (NOW, 1), (NOW + 1, 1)])
def test_expired__not_again(expiry: float, count: int) -> None:
    message = replace(ORDERED, expiry=expiry)
    assert again(Sent(message=message)) == [message] * count


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans())))
def test_reliable_messages__each_is_delivered_or_again_in_order(
    history: list[tuple[int, bool, bool]],
) -> None:
    sent = [
        Sent(
            message=Message(stream=stream, protocol=51, data=bytes([n % 256]), ordered=ordered),
            acknowledged=acknowledged,
        )
        for n, (stream, ordered, acknowledged) in enumerate(history)
    ]
    found = again(*sent)
    # A subsequence that holds at least all that the peer has not acknowledged.
    remaining = iter(each.message for each in sent)
    assert all(message in remaining for message in found)
    assert all(each.message in found for each in sent if not each.acknowledged)
