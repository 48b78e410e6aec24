"""Routing by MID, SSRC and payload type (RFC 8843 section 9.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.engine.router import RtpRouter

Router = RtpRouter[str, str]


@pytest.fixture
def router() -> Router:
    router = Router(ssrc_limit=4)
    router.add_receiver("camera", mid="0", payload_types=[97])
    router.add_receiver("screen", mid="1", payload_types=[97], ssrcs=[2222])
    router.add_receiver("microphone", mid="2", payload_types=[111])
    return router


def test_mid_decides_between_sections_of_one_payload_type(router: Router) -> None:
    assert router.receiver_of(mid="0", ssrc=1, payload_type=97) == "camera"
    assert router.receiver_of(mid="1", ssrc=2, payload_type=97) == "screen"


def test_ssrc_learned_from_a_mid_routes_packets_without_one(router: Router) -> None:
    router.receiver_of(mid="0", ssrc=1, payload_type=97)
    assert router.receiver_of(mid=None, ssrc=1, payload_type=97) == "camera"


def test_announced_ssrc_routes_without_a_mid(router: Router) -> None:
    assert router.receiver_of(mid=None, ssrc=2222, payload_type=97) == "screen"


def test_mid_wins_over_the_ssrc_that_led_elsewhere(router: Router) -> None:
    assert router.receiver_of(mid="0", ssrc=2222, payload_type=97) == "camera"
    assert router.receiver_of(mid=None, ssrc=2222, payload_type=97) == "camera"


def test_payload_type_decides_where_one_section_alone_has_it(router: Router) -> None:
    assert router.receiver_of(mid=None, ssrc=9, payload_type=111) == "microphone"


def test_ambiguous_payload_type_decides_nothing(router: Router) -> None:
    assert router.receiver_of(mid=None, ssrc=9, payload_type=97) is None


def test_rid_decides_where_one_section_alone_announced_it(router: Router) -> None:
    router.add_receiver("layers", mid="3", payload_types=[97], rids=["hi", "lo"])
    assert router.receiver_of(mid=None, rid="lo", ssrc=9, payload_type=97) == "layers"
    assert router.receiver_of(mid=None, ssrc=9, payload_type=97) == "layers"
    router.add_receiver("others", mid="4", payload_types=[97], rids=["hi"])
    assert router.receiver_of(mid=None, rid="hi", ssrc=10, payload_type=97) is None


def test_mid_decides_before_a_rid(router: Router) -> None:
    router.add_receiver("layers", mid="3", payload_types=[97], rids=["hi"])
    assert router.receiver_of(mid="0", rid="hi", ssrc=9, payload_type=97) == "camera"


def test_unknown_mid_drops_even_a_known_ssrc(router: Router) -> None:
    assert router.receiver_of(mid="7", ssrc=2222, payload_type=97) is None


def test_payload_type_that_the_section_does_not_have_is_dropped(router: Router) -> None:
    assert router.receiver_of(mid="0", ssrc=1, payload_type=111) is None
    assert router.receiver_of(mid=None, ssrc=2222, payload_type=111) is None


def test_ssrc_that_changes_is_followed(router: Router) -> None:
    router.receiver_of(mid="0", ssrc=1, payload_type=97)
    assert router.receiver_of(mid="0", ssrc=5, payload_type=97) == "camera"
    assert router.receivers_of([5]) == ("camera",)


def test_stream_in_use_outlives_a_flood_of_others(router: Router) -> None:
    for ssrc in range(100, 200):
        assert router.receiver_of(mid="0", ssrc=1, payload_type=97) == "camera"
        router.receiver_of(mid="2", ssrc=ssrc, payload_type=111)
    assert router.receivers_of([1]) == ("camera",)
    assert router.receivers_of([100]) == ()


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_ssrcs_are_bounded(ssrcs: list[int]) -> None:
    router = Router(ssrc_limit=4)
    router.add_receiver("a", mid="0", payload_types=[1])
    for ssrc in ssrcs:
        router.receiver_of(mid="0", ssrc=ssrc, payload_type=1)
    known = [ssrc for ssrc in set(ssrcs) if router.receivers_of([ssrc])]
    assert len(known) == min(4, len(set(ssrcs)))


def test_new_parameters_keep_what_was_learned_and_drop_what_was_announced(router: Router) -> None:
    router.receiver_of(mid="1", ssrc=5, payload_type=97)
    router.add_receiver("screen", mid="1", payload_types=[98], ssrcs=[3333])
    assert router.receivers_of([5, 3333]) == ("screen",)
    assert router.receivers_of([2222]) == ()
    assert router.receiver_of(mid="1", ssrc=5, payload_type=97) is None
    assert router.receiver_of(mid="1", ssrc=5, payload_type=98) == "screen"


def test_receiver_that_left_gets_nothing(router: Router) -> None:
    router.remove_receiver("screen")
    assert router.receiver_of(mid="1", ssrc=2222, payload_type=97) is None
    assert router.receiver_of(mid=None, ssrc=2222, payload_type=97) == "camera"


def test_mid_that_passed_on_is_not_lost_with_its_former_receiver(router: Router) -> None:
    router.add_receiver("new camera", mid="0", payload_types=[97])
    router.remove_receiver("camera")
    assert router.receiver_of(mid="0", ssrc=1, payload_type=97) == "new camera"


def test_rtcp_finds_each_sender_once() -> None:
    router = Router()
    router.add_sender("camera", 1, 2)
    router.add_sender("screen", 3)
    assert router.senders_of([3, 1, 2, 9]) == ("screen", "camera")
    router.remove_sender("camera")
    assert router.senders_of([1, 2, 3]) == ("screen",)
