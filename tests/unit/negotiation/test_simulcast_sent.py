"""Negotiation of simulcast to send (RFC 8853, webrtc-pc section 4.4.1.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.effects import ConfigureRtp, UseEncodings
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import TransceiverOrigin
from peer.rtp.capabilities import capabilities
from peer.rtp.packet import RID
from peer.rtp_parameters import SEND_LAYER_LIMIT, MediaKind
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add_track,
    answer_of,
    edited,
    offer_of,
    profile,
    set_local,
    set_remote,
    transceiver,
)
from tests.support.negotiation.sessions import check_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.negotiation.effects import Effect
    from peer.rtp_parameters import SendParameters

ABLE = {kind: capabilities(kind) for kind in MediaKind}
RIDS = ("q", "h", "f")


def end(seed: int = 1) -> OfferAnswer:
    return OfferAnswer(profile(seed, capabilities=ABLE))


def sender(seed: int = 1, *, rids: Iterable[str] = RIDS) -> OfferAnswer:
    """Make an end that sends one picture in several encodings; its transceiver has the key 0."""
    made = end(seed)
    made.add_transceiver(
        MediaKind.VIDEO,
        origin=TransceiverOrigin.ADD_TRANSCEIVER,
        direction=MediaDirection.SENDONLY,
        rids=list(rids),
    )
    return made


def said(description: SessionDescription, *names: str) -> list[str]:
    wanted = tuple(f"a={name}" for name in names or ("rid", "simulcast"))
    return [line for line in description.sdp.splitlines() if line.startswith(wanted)]


def with_lines(description: SessionDescription, *lines: str) -> SessionDescription:
    """Replace what a description of one m-section says of simulcast."""
    kept = [each for each in description.sdp.splitlines() if each not in said(description)]
    return SessionDescription("\r\n".join((*kept, *lines)) + "\r\n", description.type)


def wanting(*streams: str) -> tuple[str, ...]:
    """The lines of a description that receives streams, each with its alternatives."""
    ids = dict.fromkeys(each.lstrip("~") for stream in streams for each in stream.split(","))
    return (*(f"a=rid:{each} recv" for each in ids), f"a=simulcast:recv {';'.join(streams)}")


def answered(ours: OfferAnswer, *lines: str, kind: SdpType = SdpType.ANSWER) -> tuple[Effect, ...]:
    """Exchange our offer for an answer with these lines on simulcast."""
    other = end(2)
    set_remote(other, offer_of(ours))
    answer = with_lines(answer_of(other), *lines)
    effects = set_remote(ours, replace(answer, type=kind))
    check_session(ours.session)
    return effects


def rids(ours: OfferAnswer) -> list[str]:
    return [layer.rid for layer in transceiver(ours, 0).layers]


def sent(effects: Iterable[Effect]) -> SendParameters:
    (configured,) = (each for each in effects if isinstance(each, ConfigureRtp))
    assert configured.send is not None
    return configured.send


def an_offer(*lines: str, kind: str = "video") -> SessionDescription:
    """An offer of another end to receive, with these lines on simulcast."""
    other = end(2)
    other.add_transceiver(
        MediaKind(kind),
        origin=TransceiverOrigin.ADD_TRANSCEIVER,
        direction=MediaDirection.RECVONLY,
    )
    return with_lines(offer_of(other), *lines)


def test_offer_names_the_encodings_by_rid_and_without_ssrcs() -> None:
    offer = offer_of(sender())
    lines = ["a=rid:q send", "a=rid:h send", "a=rid:f send", "a=simulcast:send q;h;f"]
    assert said(offer) == lines
    assert said(offer, "ssrc") == []
    assert RID in offer.sdp


def test_one_encoding_is_offered_as_ever() -> None:
    offer = offer_of(sender(rids=()))
    assert said(offer) == []
    assert said(offer, "ssrc")


def test_our_own_end_takes_all_encodings() -> None:
    ours, other = sender(), end(2)
    set_remote(other, offer_of(ours))
    answer = answer_of(other)
    assert said(answer)[-1] == "a=simulcast:recv q;h;f"
    parameters = sent(set_remote(ours, answer))
    assert [layer.rid for layer in parameters.layers] == list(RIDS)
    assert parameters.uses_rids
    ssrcs = [ssrc for layer in parameters.layers for ssrc in (layer.ssrc, layer.rtx_ssrc)]
    assert len(set(ssrcs)) == 6
    assert parameters.layers[0].ssrc == transceiver(ours, 0).ssrc


@pytest.mark.parametrize(
    ("lines", "left", "uses_rids"),
    [
        pytest.param(wanting("q", "f"), ["q", "f"], True, id="two"),
        pytest.param(wanting("f"), ["f"], True, id="the last"),
        pytest.param(wanting("f", "h", "q"), ["q", "h", "f"], True, id="another order"),
        pytest.param(wanting("h,q", "x"), ["h"], True, id="alternatives"),
        pytest.param((), ["q"], False, id="none"),
        pytest.param(wanting("x"), ["q"], False, id="only others"),
        pytest.param(("a=simulcast:recv q;h",), ["q"], False, id="no rids"),
        pytest.param(("a=rid:q recv",), ["q"], False, id="rids alone"),
        pytest.param(("a=rid:q recv", "a=simulcast:recv"), ["q"], False, id="unreadable"),
    ],
)
def test_encodings_that_an_answer_leaves_out_are_gone(
    lines: tuple[str, ...], left: list[str], uses_rids: bool
) -> None:
    ours = sender()
    effects = answered(ours, *lines)
    assert rids(ours) == left
    parameters = sent(effects)
    assert [layer.rid for layer in parameters.layers] == left
    assert parameters.uses_rids is uses_rids
    changed = [each for each in effects if isinstance(each, UseEncodings)]
    assert changed == ([] if left == list(RIDS) else [UseEncodings(0, tuple(left))])
    again = offer_of(ours)
    if uses_rids:
        assert said(again)[-1] == f"a=simulcast:send {';'.join(left)}"
    else:
        assert said(again) == []
        assert f"a=ssrc:{parameters.layers[0].ssrc} cname:end-1" in again.sdp


def test_encoding_that_the_answer_pauses_is_there_and_paused() -> None:
    ours = sender()
    parameters = sent(answered(ours, *wanting("q", "~h", "f")))
    assert [layer.paused for layer in parameters.layers] == [False, True, False]
    resumed = sent(answered(ours, *wanting("q", "h", "f")))
    assert not any(layer.paused for layer in resumed.layers)


def test_later_answer_may_leave_out_more_and_bring_nothing_back() -> None:
    ours = sender()
    answered(ours, *wanting("q", "h"))
    answered(ours, *wanting("h", "f"))
    assert rids(ours) == ["h"]
    answered(ours, *wanting("q", "h", "f"))
    assert rids(ours) == ["h"]


def test_provisional_answer_takes_nothing_away_for_good() -> None:
    ours, other = sender(), end(2)
    set_remote(other, offer_of(ours))
    answer = answer_of(other)
    early = replace(with_lines(answer, *wanting("q")), type=SdpType.PRANSWER)
    assert [layer.rid for layer in sent(set_remote(ours, early)).layers] == ["q"]
    assert rids(ours) == list(RIDS)
    assert len(sent(set_remote(ours, answer)).layers) == 3


@pytest.mark.parametrize("direction", [MediaDirection.INACTIVE, MediaDirection.RECVONLY])
def test_exchange_in_which_nothing_is_sent_ends_no_simulcast(direction: MediaDirection) -> None:
    ours = sender()
    answered(ours, *wanting(*RIDS))
    ours.change_transceiver(0, direction=direction)
    answered(ours)
    assert rids(ours) == list(RIDS)
    ours.change_transceiver(0, direction=MediaDirection.SENDONLY)
    assert said(offer_of(ours))[-1] == "a=simulcast:send q;h;f"


def test_peer_that_does_not_receive_for_now_ends_no_simulcast() -> None:
    ours = sender()
    answered(ours, *wanting(*RIDS))
    other = end(2)
    set_remote(other, offer_of(ours))
    answer = with_lines(answer_of(other))
    set_remote(ours, edited(answer, ("a=recvonly", "a=inactive")))
    assert rids(ours) == list(RIDS)


@pytest.mark.parametrize(
    ("lines", "made"),
    [
        pytest.param(wanting("a", "b"), ["a", "b"], id="two"),
        pytest.param(
            ("a=rid:a recv", "a=rid:b recv", "a=simulcast:recv a;b;a"), ["a", "b"], id="a"
        ),
        pytest.param(wanting("a,b", "c,d"), ["a", "c"], id="alternatives"),
        pytest.param(wanting("a", "~b"), ["a", "b"], id="paused"),
        pytest.param(wanting("a"), [], id="one"),
        pytest.param(wanting(*"abcdefgh"), list("abcdefgh")[:SEND_LAYER_LIMIT], id="many"),
        pytest.param((), [], id="none"),
    ],
)
def test_first_offer_of_the_peer_may_ask_for_encodings(
    lines: tuple[str, ...], made: list[str]
) -> None:
    ours = end()
    add_track(ours, "video")
    effects = set_remote(ours, an_offer(*lines))
    assert rids(ours) == made
    changed = [each for each in effects if isinstance(each, UseEncodings)]
    assert changed == ([UseEncodings(0, tuple(made))] if made else [])
    answer = answer_of(ours)
    expected = [f"a=rid:{each} send" for each in made]
    assert said(answer) == expected + ([f"a=simulcast:send {';'.join(made)}"] if made else [])
    check_session(ours.session)
    assert rids(ours) == made


def test_transceiver_of_the_peers_offer_sends_the_encodings_once_it_sends() -> None:
    ours = end()
    set_remote(ours, an_offer(*wanting("a", "b")))
    ours.change_transceiver(0, direction=MediaDirection.SENDONLY)
    set_local(ours)
    agreement = transceiver(ours, 0).agreement
    assert agreement is not None
    assert agreement.sent_rids == ("a", "b")


def test_offer_without_the_rid_extension_or_of_audio_asks_for_nothing() -> None:
    for offer in (
        edited(an_offer(*wanting("a", "b")), (RID, "urn:example:other")),
        an_offer(*wanting("a", "b"), kind="audio"),
    ):
        ours = end()
        add_track(ours, "audio" if "m=audio" in offer.sdp else "video")
        set_remote(ours, offer)
        assert rids(ours) == []
        assert said(answer_of(ours)) == []


def test_rollback_of_an_offer_takes_its_encodings_back() -> None:
    ours = end()
    add_track(ours, "video")
    set_remote(ours, an_offer(*wanting("a", "b")))
    effects = set_remote(ours, ROLLBACK)
    assert rids(ours) == []
    assert UseEncodings(0, ()) in effects


def reoffer(ours: OfferAnswer, *lines: str) -> SessionDescription:
    """Exchange our offer for an answer that takes all, and give the peer's next offer."""
    other = end(2)
    set_remote(other, offer_of(ours))
    set_remote(ours, answer_of(other))
    return with_lines(offer_of(other), *lines)


def test_later_offer_of_the_peer_narrows_with_the_answer_and_not_before() -> None:
    ours = sender()
    offer = reoffer(ours, *wanting("h"))
    set_remote(ours, offer)
    assert rids(ours) == list(RIDS)
    assert said(answer_of(ours)) == ["a=rid:h send", "a=simulcast:send h"]
    assert rids(ours) == ["h"]


def test_later_offer_without_simulcast_leaves_the_first() -> None:
    ours = sender()
    set_remote(ours, reoffer(ours))
    assert said(answer_of(ours)) == []
    assert rids(ours) == ["q"]


def test_rollback_of_a_later_offer_leaves_all() -> None:
    ours = sender()
    set_remote(ours, reoffer(ours, *wanting("h")))
    set_remote(ours, ROLLBACK)
    assert rids(ours) == list(RIDS)


def test_later_offer_of_the_peer_brings_no_encodings() -> None:
    ours = sender(rids=())
    set_remote(ours, reoffer(ours, *wanting("a", "b")))
    assert rids(ours) == []
    assert said(answer_of(ours)) == []


def test_simulcast_goes_both_ways_in_one_line() -> None:
    ours = end()
    add_track(ours, "video")
    other = end(2)
    other.add_transceiver(
        MediaKind.VIDEO,
        origin=TransceiverOrigin.ADD_TRANSCEIVER,
        direction=MediaDirection.SENDRECV,
        rids=["x", "y"],
    )
    offer = offer_of(other)
    both = ("a=rid:x send", "a=rid:y send", "a=rid:a recv", "a=rid:b recv")
    set_remote(ours, with_lines(offer, *both, "a=simulcast:send x;y recv a;b"))
    answer = answer_of(ours)
    assert said(answer)[-1] == "a=simulcast:send a;b recv x;y"
    agreement = transceiver(ours, 0).agreement
    assert agreement is not None
    assert (agreement.sent_rids, agreement.simulcast) == (("a", "b"), ("x", "y"))
