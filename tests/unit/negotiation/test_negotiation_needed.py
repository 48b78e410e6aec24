from __future__ import annotations

from collections.abc import Callable

import pytest

from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    answer_of,
    edited,
    exchange,
    offer_of,
    pair,
    rejected,
    set_local,
    set_remote,
)
from tests.support.negotiation.sessions import check_agreement

Change = Callable[[OfferAnswer], object]


def needs(end: OfferAnswer) -> bool:
    """Whether an offer is due."""
    return end.negotiation_needed


def talking() -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on audio both ways; the first has offered."""
    left, right = pair()
    add_track(left, "audio")
    add_track(right, "audio")
    exchange(left, right)
    return left, right


def test_fresh_session_needs_no_offer() -> None:
    assert not needs(pair()[0])


def test_agreed_session_needs_no_offer() -> None:
    left, right = talking()
    check_agreement(left, right)


@pytest.mark.parametrize("side", [0, 1], ids=["offerer", "answerer"])
@pytest.mark.parametrize(
    "change",
    [
        lambda end: add(end, "video"),
        lambda end: end.request_data(),
        lambda end: end.stop_transceiver(0),
        lambda end: end.change_transceiver(0, direction=MediaDirection.SENDONLY),
        lambda end: end.change_transceiver(0, direction=MediaDirection.INACTIVE),
        lambda end: end.change_transceiver(0, streams=["another"]),
        lambda end: end.change_transceiver(0, streams=["stream", "another"]),
        lambda end: end.change_transceiver(0, streams=[]),
    ],
    ids=["a section", "data", "stop", "no reception", "silence", "stream", "streams", "no stream"],
)
def test_change_needs_an_offer_and_one_is_enough(side: int, change: Change) -> None:
    ends = talking()
    change(ends[side])
    assert needs(ends[side])
    exchange(ends[side], ends[1 - side])
    check_agreement(*ends)


@pytest.mark.parametrize("side", [0, 1], ids=["offerer", "answerer"])
def test_change_that_is_undone_needs_no_offer(side: int) -> None:
    end = talking()[side]
    end.change_transceiver(0, direction=MediaDirection.SENDONLY, streams=["x"])
    end.change_transceiver(0, direction=MediaDirection.SENDRECV, streams=["stream"])
    assert not needs(end)


def test_a_section_that_was_never_offered_and_is_stopped_needs_nothing() -> None:
    left, _ = pair()
    state = add(left, "audio")
    left.stop_transceiver(state.key)
    assert not needs(left)


def test_open_exchange_needs_no_offer() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(right, "video")
    set_remote(right, offer_of(left))
    assert not needs(left)
    assert not needs(right)
    set_remote(left, answer_of(right))
    assert needs(right)


def test_direction_narrowed_by_the_answer_needs_no_offer() -> None:
    left, right = pair()
    add(left, "audio", MediaDirection.SENDRECV)
    add(left, "video", MediaDirection.SENDRECV)
    exchange(left, right)
    assert [t.current_direction for t in left.session.transceivers] == [MediaDirection.SENDONLY] * 2
    check_agreement(left, right)


def test_an_offerer_that_wants_what_the_answer_left_needs_nothing_more() -> None:
    left, right = pair()
    state = add(left, "audio", MediaDirection.SENDRECV)
    exchange(left, right)
    left.change_transceiver(state.key, direction=MediaDirection.SENDONLY)
    assert not needs(left)


def test_answerer_that_may_not_send_needs_no_offer() -> None:
    left, right = talking()
    left.change_transceiver(0, direction=MediaDirection.SENDONLY)
    exchange(left, right)
    assert not needs(right)
    right.change_transceiver(0, streams=["other"])
    assert needs(right)
    exchange(right, left)
    check_agreement(left, right)


def test_transceiver_stopped_while_it_was_offered_needs_another_offer() -> None:
    left, right = pair()
    state = add(left, "audio")
    offer = left.create_offer()
    left.stop_transceiver(state.key)
    set_local(left, offer)
    set_remote(right, offer)
    set_remote(left, answer_of(right))
    assert left.session.transceivers == ()
    assert needs(left)
    later, _ = exchange(left, right)
    assert rejected(later) == [True]
    check_agreement(left, right)


def test_data_that_the_peer_refused_is_not_asked_for_again() -> None:
    left, right = pair()
    left.request_data()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    refusing = edited(
        answer_of(right), ("m=application 9", "m=application 0"), ("BUNDLE 0 1", "BUNDLE 0")
    )
    set_remote(left, refusing)
    assert not needs(left)
    left.request_data()
    assert needs(left)


def test_closed_session_needs_no_offer() -> None:
    left, _ = pair()
    add_track(left, "audio")
    left.close()
    assert not needs(left)
