from __future__ import annotations

import pytest

from peer.errors import InvalidAccessError
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import TransceiverOrigin
from peer.rtp_parameters import MediaKind
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    exchange,
    pair,
    profile,
    transceiver,
)


def test_added_transceiver_has_no_m_section() -> None:
    end = OfferAnswer(profile(1))
    state = end.add_transceiver(
        MediaKind.VIDEO,
        origin=TransceiverOrigin.ADD_TRACK,
        direction=MediaDirection.SENDONLY,
        streams=["a", "b", "a"],
        has_track=True,
    )
    assert (state.mid, state.current_direction, state.agreement) == (None, None, None)
    assert state.streams == ("a", "b")
    assert state.ssrc != state.rtx_ssrc
    assert end.session.transceivers == (state,)


def test_each_transceiver_has_a_key_and_ssrcs_of_its_own() -> None:
    end = OfferAnswer(profile(1))
    states = [add(end, "audio") for _ in range(3)]
    assert [state.key for state in states] == [0, 1, 2]
    assert len({s for state in states for s in (state.ssrc, state.rtx_ssrc)}) == 6
    assert len({state.track_id for state in states}) == 3


@pytest.mark.parametrize("stream", ["", "-", "a b", "a\r\nb", "\xe4", "x" * 65, "a/b"])
def test_a_stream_that_cannot_be_written_is_refused(stream: str) -> None:
    end = OfferAnswer(profile(1))
    state = add(end, "audio")
    before = end.session
    with pytest.raises(InvalidAccessError, match="stream id"):
        add(end, "audio", streams=(stream,))
    with pytest.raises(InvalidAccessError, match="stream id"):
        end.change_transceiver(state.key, streams=["fine", stream])
    assert end.session is before


@pytest.mark.parametrize("name", ["video/AV1", "audio/opus", "video/rtx", "VP8", ""])
def test_a_preference_for_what_we_do_not_have_is_refused(name: str) -> None:
    end = OfferAnswer(profile(1))
    state = add(end, "video")
    before = end.session
    with pytest.raises(InvalidAccessError, match="no video codec of ours"):
        end.change_transceiver(state.key, preferences=["video/VP8", name])
    assert end.session is before


def test_preferences_know_no_case_and_may_be_taken_back() -> None:
    end = OfferAnswer(profile(1))
    state = add(end, "video")
    end.change_transceiver(state.key, preferences=["VIDEO/h264"])
    assert Sdp.parse(end.create_offer().sdp).media[0].media_line.formats == ("98", "99")
    end.change_transceiver(state.key, preferences=[])
    assert len(Sdp.parse(end.create_offer().sdp).media[0].media_line.formats) == 4


def test_stopped_transceiver_cannot_be_changed() -> None:
    end = OfferAnswer(profile(1))
    state = add(end, "audio")
    end.stop_transceiver(state.key)
    for act in (
        lambda: end.change_transceiver(state.key, direction=MediaDirection.INACTIVE),
        lambda: end.stop_transceiver(state.key),
        lambda: end.reusable_for_track(state.key, MediaKind.AUDIO),
    ):
        with pytest.raises(InvalidAccessError, match="ended"):
            act()


def test_a_stop_is_asked_for_by_the_next_offer() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    left.stop_transceiver(0)
    state = transceiver(left, 0)
    assert state.stopping
    assert state.direction is MediaDirection.INACTIVE
    assert state.current_direction is MediaDirection.SENDONLY
    assert left.negotiation_needed


def test_track_may_use_a_sender_that_has_never_sent() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    assert right.reusable_for_track(0, MediaKind.AUDIO) is not None
    assert right.reusable_for_track(0, MediaKind.VIDEO) is None
    assert left.reusable_for_track(0, MediaKind.AUDIO) is None


def test_sender_that_has_sent_is_not_used_for_another_track() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    left.change_transceiver(0, direction=MediaDirection.RECVONLY)
    exchange(left, right)
    assert transceiver(left, 0).current_direction is MediaDirection.INACTIVE
    assert left.reusable_for_track(0, MediaKind.AUDIO) is None


def test_stopping_transceiver_is_not_used_for_a_track() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    right.stop_transceiver(0)
    assert right.reusable_for_track(0, MediaKind.AUDIO) is None


def test_data_section_is_requested_once() -> None:
    end = OfferAnswer(profile(1))
    end.request_data()
    before = end.session
    end.request_data()
    assert end.session == before
