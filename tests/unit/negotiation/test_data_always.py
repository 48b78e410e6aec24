"""Data channels negotiated without a channel (webrtc-extensions, alwaysNegotiateDataChannels)."""

from __future__ import annotations

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from tests.support.negotiation.offer_answer import add, exchange, offer_of, pair, profile


def media(end: OfferAnswer) -> list[str]:
    return [each.media_line.media for each in Sdp.parse(end.create_offer().sdp).media]


def test_data_section_is_offered_without_a_channel_in_front_of_media() -> None:
    end = OfferAnswer(profile(1))
    add(end, "audio")
    end.always_negotiate_data(always=True)
    assert media(end) == ["application", "audio"]


def test_data_section_without_a_channel_asks_for_no_negotiation() -> None:
    end = OfferAnswer(profile(1))
    end.always_negotiate_data(always=True)
    assert not end.negotiation_needed
    end.request_data()
    assert end.negotiation_needed


def test_data_section_that_no_channel_asked_for_is_given_up_before_it_is_negotiated() -> None:
    end = OfferAnswer(profile(1))
    add(end, "audio")
    end.always_negotiate_data(always=True)
    end.always_negotiate_data(always=False)
    assert media(end) == ["audio"]
    end.request_data()
    end.always_negotiate_data(always=False)
    assert media(end) == ["audio", "application"]


def test_data_section_that_was_negotiated_stays() -> None:
    left, right = pair()
    left.always_negotiate_data(always=True)
    exchange(left, right)
    left.always_negotiate_data(always=False)
    assert media(left) == ["application"]
    assert left.session.data is not None
    assert left.session.data.remote_port == 5000


@pytest.mark.parametrize("always", [True, False])
def test_rollback_keeps_whether_data_is_always_negotiated(always: bool) -> None:
    end = OfferAnswer(profile(1))
    add(end, "audio")
    end.always_negotiate_data(always=not always)
    offer_of(end)
    end.always_negotiate_data(always=always)
    end.commit(end.plan(Side.LOCAL, SessionDescription("", SdpType.ROLLBACK)))
    assert media(end) == (["application", "audio"] if always else ["audio"])
