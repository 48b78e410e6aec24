"""Messages that are resent to a peer that has restarted SCTP."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.times import UnixTime
from peer.transport.adapters.sctp_association import SctpMessage, SentMessage
from peer.transport.sctp.restart import messages_to_resend

NOW = UnixTime(100.0)
ORDERED = SctpMessage(stream=0, protocol=51, data=b"x")
UNORDERED = replace(ORDERED, ordered=False)


def resent(*sent: SentMessage) -> list[SctpMessage]:
    return messages_to_resend(sent, now=NOW)


def numbered(number: int, message: SctpMessage = ORDERED) -> SctpMessage:
    return replace(message, data=str(number).encode())


def test_unacknowledged_messages_are_resent_in_order() -> None:
    messages = [numbered(number) for number in range(3)]
    sent = [SentMessage(message=message, transmissions=1) for message in messages]
    assert resent(*sent) == messages


@pytest.mark.parametrize("message", [ORDERED, UNORDERED])
def test_acknowledged_message_is_not_resent(message: SctpMessage) -> None:
    assert resent(SentMessage(message=message, acknowledged=True)) == []


def test_acknowledged_message_behind_unacknowledged_one_of_ordered_stream_is_resent() -> None:
    first, second = numbered(1), numbered(2)
    sent = SentMessage(message=first), SentMessage(message=second, acknowledged=True)
    assert resent(*sent) == [first, second]


@pytest.mark.parametrize("other", [replace(ORDERED, stream=2), UNORDERED])
def test_acknowledged_message_of_other_stream_or_unordered_is_not_resent(
    other: SctpMessage,
) -> None:
    sent = SentMessage(message=ORDERED), SentMessage(message=other, acknowledged=True)
    assert resent(*sent) == [ORDERED]


def test_acknowledged_message_behind_unordered_one_is_not_resent() -> None:
    sent = SentMessage(message=UNORDERED), SentMessage(message=ORDERED, acknowledged=True)
    assert resent(*sent) == [UNORDERED]


def test_abandoned_message_is_not_resent_but_what_waited_behind_it() -> None:
    sent = (
        SentMessage(message=numbered(1), abandoned=True),
        SentMessage(message=numbered(2), acknowledged=True),
    )
    assert resent(*sent) == [numbered(2)]


@pytest.mark.parametrize(
    ("limit", "transmissions", "left"),
    [(0, 0, [0]), (0, 1, []), (3, 0, [3]), (3, 1, [2]), (3, 3, [0]), (3, 4, []), (None, 9, [None])],
)
def test_transmissions_before_the_restart_count_towards_max_retransmits(
    limit: int | None, transmissions: int, left: list[int | None]
) -> None:
    message = replace(ORDERED, max_retransmits=limit)
    found = resent(SentMessage(message=message, transmissions=transmissions))
    assert [each.max_retransmits for each in found] == left


@pytest.mark.parametrize(("expiry", "count"), [(NOW - 1, 0), (NOW, 1), (NOW + 1, 1)])
def test_expired_message_is_not_resent(expiry: float, count: int) -> None:
    message = replace(ORDERED, expiry=UnixTime(expiry))
    assert resent(SentMessage(message=message)) == [message] * count


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans())))
def test_every_reliable_message_is_acknowledged_or_resent_in_order(
    history: list[tuple[int, bool, bool]],
) -> None:
    sent = [
        SentMessage(
            message=SctpMessage(stream=stream, protocol=51, data=bytes([n % 256]), ordered=ordered),
            acknowledged=acknowledged,
        )
        for n, (stream, ordered, acknowledged) in enumerate(history)
    ]
    found = resent(*sent)
    # A subsequence that holds at least all that the peer has not acknowledged.
    remaining = iter(each.message for each in sent)
    assert all(message in remaining for message in found)
    assert all(each.message in found for each in sent if not each.acknowledged)
