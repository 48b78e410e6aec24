"""Header extension control in sessions (webrtc-extensions; RFC 8285 section 7)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidModificationError
from peer.negotiation.effects import ConfigureRtp
from peer.negotiation.header_extensions import ExtensionDirections
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Agreement, Side
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from tests.support.negotiation.offer_answer import (
    MID,
    SEND_TIME,
    add,
    answer_of,
    edited,
    exchange,
    offer_of,
    pair,
    profile,
    set_remote,
)

SENDRECV, SENDONLY = MediaDirection.SENDRECV, MediaDirection.SENDONLY
RECVONLY, INACTIVE = MediaDirection.RECVONLY, MediaDirection.INACTIVE
Wish = MediaDirection | None


def wishes(**send_time: Wish) -> ExtensionDirections:
    return ExtensionDirections({MID.uri: SENDRECV, SEND_TIME.uri: send_time["send_time"]}, None)


def extmaps(end: OfferAnswer, index: int = 0) -> Mapping[str, Wish]:
    section = Sdp.parse(end.create_offer().sdp).media[index]
    return {each.uri: each.direction for each in section.extmaps}


def agreement(end: OfferAnswer) -> Agreement:
    found = end.session.transceivers[0].agreement
    assert found is not None
    return found


def test_stopped_header_extension_is_in_no_offer() -> None:
    end, _ = pair()
    add(end, "video")
    end.change_transceiver(0, extensions=wishes(send_time=None))
    assert extmaps(end) == {MID.uri: None}


def test_header_extension_is_offered_with_its_direction() -> None:
    end, _ = pair()
    add(end, "video")
    end.change_transceiver(0, extensions=wishes(send_time=SENDONLY))
    assert extmaps(end) == {MID.uri: None, SEND_TIME.uri: SENDONLY}


@pytest.mark.parametrize("direction", [None, SENDONLY, RECVONLY, INACTIVE])
def test_mid_extension_cannot_be_stopped_or_narrowed(direction: Wish) -> None:
    end, _ = pair()
    add(end, "video")
    before = end.session
    with pytest.raises(InvalidModificationError, match="BUNDLE needs urn"):
        end.change_transceiver(0, extensions=ExtensionDirections({MID.uri: direction}))
    assert end.session is before


def test_rid_extension_cannot_be_stopped_where_a_track_has_several_encodings() -> None:
    every = {kind: capabilities(kind) for kind in MediaKind}
    end = OfferAnswer(profile(1, capabilities=every))
    rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    one, several = add(end, "video"), add(end, "video")
    stopped = ExtensionDirections({rid: None})
    end.change_transceiver(one.key, extensions=stopped)
    assert rid not in extmaps(end)
    layered = end.add_transceiver(
        MediaKind.VIDEO, origin=several.origin, direction=SENDRECV, rids=["a", "b"]
    )
    with pytest.raises(InvalidModificationError, match=f"simulcast needs {rid}"):
        end.change_transceiver(layered.key, extensions=stopped)


def test_encodings_are_not_offered_as_simulcast_without_the_rid_extension() -> None:
    every = {kind: capabilities(kind) for kind in MediaKind}
    end = OfferAnswer(profile(1, capabilities=every))
    rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    first = add(end, "video")
    end.change_transceiver(first.key, extensions=ExtensionDirections({rid: None}))
    # It has the extensions of the first, by which the RID is stopped.
    end.add_transceiver(MediaKind.VIDEO, origin=first.origin, direction=SENDRECV, rids=["a", "b"])
    assert not Sdp.parse(end.create_offer().sdp).media[1].has("simulcast")


@pytest.mark.parametrize(
    ("offered", "wished", "ours", "theirs"),
    [
        (SENDRECV, SENDRECV, SENDRECV, SENDRECV),
        (SENDONLY, SENDRECV, RECVONLY, SENDONLY),
        (SENDRECV, SENDONLY, SENDONLY, RECVONLY),
        (SENDONLY, SENDONLY, INACTIVE, INACTIVE),
        (INACTIVE, SENDRECV, INACTIVE, INACTIVE),
        (SENDRECV, None, None, None),
    ],
)
def test_answer_narrows_the_direction_of_a_header_extension(
    offered: MediaDirection, wished: Wish, ours: Wish, theirs: Wish
) -> None:
    left, right = pair()
    add(left, "video")
    left.change_transceiver(0, extensions=wishes(send_time=offered))
    set_remote(right, offer_of(left))
    right.change_transceiver(0, extensions=wishes(send_time=wished))
    answer = answer_of(right)
    set_remote(left, answer)
    written = {e.uri: e.direction or SENDRECV for e in Sdp.parse(answer.sdp).media[0].extmaps}
    assert written.get(SEND_TIME.uri) is ours
    assert agreement(right).directions.of(SEND_TIME.uri) is ours
    assert agreement(left).directions.of(SEND_TIME.uri) is theirs


def test_header_extension_is_used_in_the_direction_agreed_on_alone() -> None:
    left, right = pair()
    add(left, "video")
    left.change_transceiver(0, extensions=wishes(send_time=SENDONLY))
    set_remote(right, offer_of(left))
    right.change_transceiver(0, direction=SENDRECV)
    answered = answer_of(right)
    effects = set_remote(left, answered)
    media = next(each for each in effects if isinstance(each, ConfigureRtp))
    assert media.send is not None
    assert media.receive is not None
    assert SEND_TIME.uri in {each.uri for each in media.send.extensions}
    assert SEND_TIME.uri not in {each.uri for each in media.receive.extensions}


def test_later_offer_has_the_header_extensions_of_the_answer_alone() -> None:
    left, right = pair()
    add(left, "video")
    set_remote(right, offer_of(left))
    right.change_transceiver(0, extensions=wishes(send_time=None))
    set_remote(left, answer_of(right))
    # RFC 9429 section 5.2.2: those "that are present in the most recent answer".
    assert extmaps(left) == {MID.uri: None}
    assert extmaps(right) == {MID.uri: None}


def test_header_extension_that_an_answer_left_out_is_offered_once_it_is_set_again() -> None:
    left, right = pair()
    add(left, "video")
    left.change_transceiver(0, extensions=wishes(send_time=None))
    exchange(left, right)
    left.change_transceiver(0, extensions=wishes(send_time=SENDRECV))
    exchange(left, right)
    assert agreement(left).directions.of(SEND_TIME.uri) is SENDRECV
    assert agreement(right).directions.of(SEND_TIME.uri) is SENDRECV


def test_answer_takes_a_header_extension_that_an_earlier_peer_left_out() -> None:
    left, right = pair()
    add(left, "video")
    set_remote(right, offer_of(left))
    # As where a switch puts another phone in the place of the first.
    lines = f"a=extmap:{SEND_TIME.id} {SEND_TIME.uri}\r\n"
    set_remote(left, edited(answer_of(right), (lines, "")))
    assert agreement(left).directions.of(SEND_TIME.uri) is None
    set_remote(left, offer_of(right))
    answer = Sdp.parse(answer_of(left).sdp)
    assert SEND_TIME.uri in {each.uri for each in answer.media[0].extmaps}


def test_answer_leaves_out_a_header_extension_that_the_application_stopped() -> None:
    left, right = pair()
    add(left, "video")
    left.change_transceiver(0, extensions=wishes(send_time=None))
    exchange(left, right)
    right.change_transceiver(0, extensions=wishes(send_time=SENDRECV))
    exchange(right, left)
    assert agreement(left).directions.of(SEND_TIME.uri) is None


def test_later_transceiver_has_the_header_extensions_of_the_first_of_its_kind() -> None:
    left, _ = pair()
    first = add(left, "video")
    left.change_transceiver(first.key, extensions=wishes(send_time=None))
    add(left, "audio")
    add(left, "video")
    assert extmaps(left, 2) == {MID.uri: None}
    assert len(extmaps(left, 1)) == 2


def test_later_transceiver_does_not_have_the_header_extensions_of_a_stopped_one() -> None:
    left, right = pair()
    first = add(left, "video")
    exchange(left, right)
    left.change_transceiver(first.key, extensions=wishes(send_time=None))
    left.stop_transceiver(first.key)
    add(left, "video")
    assert SEND_TIME.uri in extmaps(left, 1)


def test_rollback_keeps_the_header_extensions_that_the_application_set() -> None:
    left, _ = pair()
    add(left, "video")
    offer_of(left)
    left.change_transceiver(0, extensions=wishes(send_time=None))
    left.commit(left.plan(Side.LOCAL, SessionDescription("", SdpType.ROLLBACK)))
    assert extmaps(left) == {MID.uri: None}
