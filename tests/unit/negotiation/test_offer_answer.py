from __future__ import annotations

from collections.abc import Callable

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import DescriptionError, InvalidModificationError, InvalidStateError
from peer.negotiation.effects import CreateTransceiver
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add,
    add_track,
    an_offer,
    answer_of,
    candidate,
    described,
    edited,
    exchange,
    kinds,
    offer_of,
    pair,
    profile,
    refused,
    rejected,
    set_local,
    set_remote,
    transceiver,
)
from tests.support.negotiation.sessions import check_agreement, check_session


def offered() -> tuple[OfferAnswer, SessionDescription]:
    """An end with a transceiver, and its created offer, not set."""
    end = OfferAnswer(profile(1))
    add_track(end, "audio")
    return end, end.create_offer()


def test_a_plan_changes_nothing_on_either_side() -> None:
    left, right = pair()
    add_track(left, "audio")
    for end, side, description in (
        (left, Side.LOCAL, None),
        (right, Side.REMOTE, an_offer("video", "data")),
    ):
        before, needed = end.session, end.negotiation_needed
        plan = end.plan(side, description)
        assert plan.base is end.session is before
        assert plan.next != before
        assert end.negotiation_needed is needed


def test_a_plan_is_committed_as_it_was_made() -> None:
    end, _ = offered()
    plan = end.plan(Side.LOCAL, None)
    end.commit(plan)
    assert end.session is plan.next


class TestDuringPreparation:
    """What the application does between a plan and its commit."""

    def test_transceiver_added_during_preparation_is_kept_for_the_next_offer(self) -> None:
        end, _ = offered()
        plan = end.plan(Side.LOCAL, None)
        late = add(end, "video")
        end.change_transceiver(0, direction=MediaDirection.RECVONLY)
        end.commit(plan)
        assert transceiver(end, 0).mid == "0"
        assert transceiver(end, 0).direction is MediaDirection.RECVONLY
        assert transceiver(end, late.key).mid is None
        check_session(end.session)

    def test_track_added_during_preparation_takes_the_section_that_the_peer_offers(self) -> None:
        end = OfferAnswer(profile(2))
        plan = end.plan(Side.REMOTE, an_offer("audio"))
        state = add_track(end, "audio")
        effects = end.commit(plan)
        assert transceiver(end, state.key).mid == "0"
        assert len(end.session.transceivers) == 1
        assert not any(isinstance(effect, CreateTransceiver) for effect in effects)

    def test_stop_during_preparation_is_kept(self) -> None:
        end, _ = offered()
        plan = end.plan(Side.LOCAL, None)
        end.stop_transceiver(0)
        end.commit(plan)
        assert end.session.transceivers == ()
        check_session(end.session)

    def test_candidate_added_during_preparation_is_kept(self) -> None:
        left, right = pair()
        add_track(left, "audio")
        exchange(left, right)
        plan = left.plan(Side.LOCAL, None)
        left.add_candidate(candidate(right, "0"))
        left.commit(plan)
        remote = left.session.current_remote
        assert remote is not None
        assert len(remote.sdp.media[0].candidates) == 1

    def test_close_during_preparation_refuses_the_commit(self) -> None:
        end, _ = offered()
        plan = end.plan(Side.LOCAL, None)
        end.close()
        closed = end.session
        with pytest.raises(InvalidStateError, match="closed"):
            end.commit(plan)
        assert end.session is closed

    def test_a_plan_that_fits_no_more_changes_nothing(self) -> None:
        end, _ = offered()
        plan = end.plan(Side.LOCAL, None)
        set_remote(end, an_offer("video"))
        before = end.session
        with pytest.raises(InvalidStateError):
            end.commit(plan)
        assert end.session is before


class TestOurDescriptions:
    """They are set as they were created, or not at all (RFC 9429 section 5.4)."""

    def test_local_description_without_argument_has_the_type_of_the_state(self) -> None:
        left, right = pair()
        add_track(left, "audio")
        set_local(left)
        assert left.session.state is SignalingState.HAVE_LOCAL_OFFER
        set_remote(right, described(left, Side.LOCAL))
        set_local(right)
        assert right.session.state is SignalingState.STABLE

    @pytest.mark.parametrize("kind", [SdpType.OFFER, SdpType.ANSWER, SdpType.PRANSWER])
    def test_description_of_a_type_without_text_is_created(self, kind: SdpType) -> None:
        end = OfferAnswer(profile(2))
        if kind is not SdpType.OFFER:
            set_remote(end, an_offer("audio"))
        set_local(end, SessionDescription("", kind))
        assert end.session.state in (SignalingState.STABLE, *WAITING)

    def test_created_description_can_be_set(self) -> None:
        end, offer = offered()
        set_local(end, offer)
        assert described(end, Side.LOCAL) == offer

    def test_description_without_text_is_the_created_one_while_nothing_changed(self) -> None:
        end, offer = offered()
        set_local(end)
        assert described(end, Side.LOCAL) == offer

    def test_description_without_text_is_created_anew_after_a_change(self) -> None:
        end, offer = offered()
        end.request_data()
        set_local(end)
        assert kinds(Sdp.parse(offer.sdp)) == ["audio"]
        assert kinds(Sdp.parse(described(end, Side.LOCAL).sdp)) == ["audio", "application"]

    def test_created_description_can_be_set_after_a_change(self) -> None:
        end, offer = offered()
        end.request_data()
        set_local(end, offer)
        assert described(end, Side.LOCAL) == offer

    def test_only_the_description_created_last_can_be_set(self) -> None:
        end, offer = offered()
        end.create_offer()
        with pytest.raises(InvalidModificationError, match="changed after"):
            end.plan(Side.LOCAL, offer)

    @pytest.mark.parametrize(
        "edit",
        [("actpass", "active"), ("opus", "OPUS"), ("\r\n", "\n"), ("s=-\r\n", "s=- \r\n")],
    )
    def test_local_description_changed_after_its_creation_is_refused(
        self, edit: tuple[str, str]
    ) -> None:
        end, offer = offered()
        before = end.session
        with pytest.raises(InvalidModificationError, match="changed after"):
            end.plan(Side.LOCAL, edited(offer, edit))
        assert end.session is before

    def test_local_description_of_another_end_is_refused(self) -> None:
        with pytest.raises(InvalidModificationError, match="stale"):
            OfferAnswer(profile(2)).plan(Side.LOCAL, offered()[1])

    def test_created_description_is_stale_after_an_exchange(self) -> None:
        left, right = pair()
        add_track(left, "audio")
        offer = left.create_offer()
        add_track(right, "video")
        exchange(right, left)
        with pytest.raises(InvalidModificationError, match="stale"):
            left.plan(Side.LOCAL, offer)

    def test_an_answer_to_an_offer_that_was_replaced_is_stale(self) -> None:
        end = OfferAnswer(profile(2))
        set_remote(end, an_offer("audio"))
        answer = end.create_answer()
        set_remote(end, an_offer("audio", "video"))
        before = end.session
        with pytest.raises(InvalidModificationError, match="stale"):
            end.plan(Side.LOCAL, answer)
        assert end.session is before

    def test_an_offer_is_no_answer(self) -> None:
        end, offer = offered()
        set_remote(end, an_offer("audio"))
        with pytest.raises(InvalidStateError, match="local offer"):
            end.plan(Side.LOCAL, offer)


WAITING = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_LOCAL_PRANSWER)


def test_an_offer_of_the_peer_may_replace_its_offer() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    (first,) = right.session.transceivers
    add_track(left, "video")
    effects = set_remote(right, offer_of(left))
    assert right.session.transceivers[0] == first
    assert [e for e in effects if isinstance(e, CreateTransceiver)] == [CreateTransceiver(1)]
    set_remote(left, answer_of(right))
    check_agreement(left, right)


def test_sections_of_a_replaced_offer_end_with_the_answer() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    left.stop_transceiver(0)
    set_remote(right, offer_of(left))
    # A section rejected in one offer is recycled in the next, without an answer between.
    taken = edited(
        offer_of(left),
        ("m=audio 0 UDP/TLS/RTP/SAVPF 111 0\r\n", "m=application 0 x y\r\n"),
        ("a=mid:0\r\n", "a=mid:9\r\n"),
    )
    set_remote(right, taken)
    set_local(right)
    check_session(right.session)
    assert [t.mid for t in right.session.transceivers] == ["1"]


def test_a_remote_description_has_a_text() -> None:
    with pytest.raises(InvalidStateError, match="needed"):
        OfferAnswer(profile(1)).plan(Side.REMOTE, None)


def test_a_closed_end_plans_nothing() -> None:
    end, offer = offered()
    end.close()
    for side in Side:
        with pytest.raises(InvalidStateError, match="closed"):
            end.plan(side, offer)
    with pytest.raises(InvalidStateError):
        end.create_offer()
    with pytest.raises(InvalidStateError):
        end.create_answer()


def test_session_does_not_grow_with_its_exchanges() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    sizes = set()
    for _ in range(5):
        state = add(left, "video")
        exchange(left, right)
        left.stop_transceiver(state.key)
        exchange(left, right)
        for end in (left, right):
            session = end.session
            sizes.add((len(session.transceivers), len(session.routes), len(session.layout)))
    assert sizes == {(1, 1, 2)}
    assert left.session.next_mid == 6
    check_agreement(left, right)


def test_repr_shows_session_state_and_transports() -> None:
    left, right = pair()
    add_track(left, "audio")
    shown = repr(left)
    assert shown == (
        f"<OfferAnswer {left.session.id} stable negotiation-needed mids=[None] transports=[]>"
    )
    exchange(left, right)
    assert repr(left) == f"<OfferAnswer {left.session.id} stable mids=['0'] transports=['0:0']>"


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


def test_an_offer_in_place_of_another_may_leave_its_sections_out() -> None:
    """The peer took its offer back without a word, as browsers let it."""
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    add_track(left, "video")
    left.request_data()
    set_remote(right, offer_of(left))
    assert [t.mid for t in right.session.transceivers] == ["0", "1"]
    set_local(left, ROLLBACK)
    left.stop_transceiver(1)
    add(left, "audio")
    again = offer_of(left)
    assert kinds(Sdp.parse(again.sdp)) == ["audio", "audio", "application"]
    short = edited(again, ("a=group:BUNDLE 0 3 4", "a=group:BUNDLE 0"))
    short = SessionDescription(short.sdp[: short.sdp.rindex("m=audio")], SdpType.OFFER)
    set_remote(right, short)
    check_session(right.session)
    assert [t.mid for t in right.session.transceivers] == ["0"]
    assert right.session.data is None
    set_remote(right, again)
    set_remote(left, answer_of(right))
    check_agreement(left, right)


def test_an_offer_in_place_of_another_may_not_recycle_what_that_one_rejected() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    offer = offer_of(left)
    first, _, _ = offer.sdp.partition("m=video")
    video = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
    rejecting = first.replace("BUNDLE 0 1", "BUNDLE 0") + video
    set_remote(right, SessionDescription(rejecting, SdpType.OFFER))
    recycling = edited(offer, ("m=video 9", "m=audio 9"))
    words = "puts audio '1' in the place of video '1'"
    refused(right, recycling, DescriptionError, words)
    set_remote(right, offer)
    set_remote(left, answer_of(right))
    # What the peer has rejected once has ended here, and our own offer says so.
    exchange(right, left)
    assert [each.mid for each in left.session.transceivers] == ["0"]
    check_agreement(left, right)


def test_candidate_between_create_and_set_leaves_a_description_fresh() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    created = left.create_offer()
    left.add_candidate(candidate(right, "0"))
    set_local(left, created)
    assert left.session.state is SignalingState.HAVE_LOCAL_OFFER
