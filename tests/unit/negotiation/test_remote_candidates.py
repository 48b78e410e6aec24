from __future__ import annotations

from dataclasses import replace

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import CandidateError, InvalidStateError, StaleCandidateError
from peer.ice import CandidateFields, IceCandidate
from peer.negotiation.effects import AddCandidates
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import GatheredCandidates, Side
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add_track,
    an_offer,
    answer_of,
    answer_to,
    candidate,
    edited,
    exchange,
    offer_of,
    pair,
    profile,
    rejected,
    set_local,
    set_remote,
)

HOST = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"


def answerer() -> tuple[OfferAnswer, OfferAnswer]:
    """An end that has made an offer, and one that has it."""
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    return left, right


def lines(end: OfferAnswer) -> list[list[str]]:
    """The candidates in the remote description, for each m-section, and what ends them."""
    remote = end.session.description(Side.REMOTE)
    assert remote is not None
    return [
        [str(c) for c in section.candidates] + ["end"] * section.end_of_candidates
        for section in remote.sdp.media
    ]


def refused_candidate(end: OfferAnswer, given: IceCandidate | None, words: str) -> None:
    before = end.session
    with pytest.raises(CandidateError, match=words):
        end.add_candidate(given)
    assert end.session is before


def test_a_candidate_needs_a_description_to_belong_to() -> None:
    left, _ = pair()
    add_track(left, "audio")
    set_local(left)
    for given in (IceCandidate(HOST, sdpMid="0"), None):
        with pytest.raises(InvalidStateError, match="remote description"):
            left.add_candidate(given)


@pytest.mark.parametrize(
    "given",
    [
        IceCandidate(HOST, sdpMid="1"),
        IceCandidate(HOST, sdpMLineIndex=1),
        IceCandidate(HOST, sdpMid="1", sdpMLineIndex=0),
        IceCandidate(HOST, sdpMid="", sdpMLineIndex=1),
    ],
    ids=["mid", "index", "mid before index", "Pion's empty mid"],
)
def test_a_candidate_finds_its_section(given: IceCandidate) -> None:
    _, right = answerer()
    right.add_candidate(given)
    assert lines(right) == [[], [HOST]]


def test_the_end_of_candidates_is_that_of_a_section_or_of_all() -> None:
    _, right = answerer()
    right.add_candidate(IceCandidate(sdpMid="1"))
    assert lines(right) == [[], ["end"]]
    right.add_candidate(None)
    right.add_candidate(IceCandidate())
    assert lines(right) == [["end"], ["end"]]


def test_the_same_candidate_twice_is_once() -> None:
    _, right = answerer()
    for text in (HOST, f"a={HOST}", HOST.removeprefix("candidate:")):
        right.add_candidate(IceCandidate(text, sdpMid="0"))
    assert lines(right) == [[HOST], []]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (IceCandidate(HOST, sdpMid="9"), "no m-section has the mid '9'"),
        (IceCandidate(HOST, sdpMLineIndex=2), "no m-section 2"),
        (IceCandidate(HOST, sdpMLineIndex=-1), "no m-section -1"),
        (IceCandidate(HOST), "by sdpMid or sdpMLineIndex"),
        (IceCandidate(HOST, sdpMid="0", usernameFragment="gone"), "generation 'gone'"),
        (IceCandidate("nonsense", sdpMid="0"), "eight fields"),
    ],
)
def test_a_candidate_that_belongs_nowhere_changes_nothing(given: IceCandidate, words: str) -> None:
    _, right = answerer()
    refused_candidate(right, given, words)


def test_a_candidate_of_a_generation_that_was_left_is_told_from_a_bad_one() -> None:
    _, right = answerer()
    with pytest.raises(StaleCandidateError):
        right.add_candidate(IceCandidate(HOST, sdpMid="0", usernameFragment="gone"))


def test_more_candidates_than_are_kept_are_refused() -> None:
    left, right = pair(max_candidates=2)
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    for port in range(2):
        right.add_candidate(candidate(left, "0", port))
    refused_candidate(right, candidate(left, "0", 2), "2 candidates already")
    right.add_candidate(candidate(left, "0", 1))


def test_candidate_for_a_rejected_section_is_ignored() -> None:
    left, right = answerer()
    set_remote(left, answer_of(right))
    left.stop_transceiver(0)
    exchange(left, right)
    before = right.session
    assert right.add_candidate(IceCandidate(HOST, sdpMid="0")) == ()
    assert right.session == before


def test_candidates_wait_for_the_answer_and_then_reach_the_transport() -> None:
    left, right = answerer()
    assert right.add_candidate(candidate(left, "0")) == ()
    effects = set_local(right)
    given = next(effect for effect in effects if isinstance(effect, AddCandidates))
    assert [c.port for c in given.candidates] == [5000]
    assert not given.complete
    later = right.add_candidate(candidate(left, "0", 6000))
    assert [[c.port for c in e.candidates] for e in later if isinstance(e, AddCandidates)] == [
        [5000, 6000]
    ]
    (ended,) = right.add_candidate(IceCandidate(sdpMid="0"))
    assert isinstance(ended, AddCandidates)
    assert ended.complete


def test_candidates_are_told_once() -> None:
    left, right = answerer()
    right.add_candidate(candidate(left, "0"))
    set_remote(left, answer_of(right))
    repeated = [
        effect
        for effects in (set_local(right), set_local(right, ROLLBACK), right.add_candidate(None))
        for effect in effects
        if isinstance(effect, AddCandidates)
    ]
    assert [effect.complete for effect in repeated] == [True], "what is new is their end"


def test_a_candidate_of_an_unknown_type_is_kept_and_not_used() -> None:
    left, right = answerer()
    set_local(right)
    text = HOST.replace("host", "new-kind")
    assert right.add_candidate(replace(candidate(left, "0"), candidate=text)) == ()
    assert lines(right)[0] == [text]


def test_an_unknown_type_in_a_description_fails_nothing() -> None:
    text = HOST.replace("host", "new-kind")
    answer, _ = answer_to(edited(an_offer("audio"), ("a=mid:0\r\n", f"a=mid:0\r\na={text}\r\n")))
    assert rejected(answer) == [False]


def test_candidates_of_what_was_bundled_away_are_not_used() -> None:
    left, right = answerer()
    set_local(right)
    assert right.add_candidate(candidate(left, "1")) == ()


def test_a_candidate_is_recorded_in_all_descriptions_of_its_generation() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    add_track(left, "video")
    set_remote(right, offer_of(left))
    right.add_candidate(candidate(left, "0"))
    for remote in (right.session.current_remote, right.session.pending_remote):
        assert remote is not None
        assert len(remote.sdp.media[0].candidates) == 1


def test_our_candidates_show_in_our_description_alone() -> None:
    left, right = answerer()
    set_remote(left, answer_of(right))
    found = GatheredCandidates((CandidateFields.parse(HOST),), complete=True)
    gathered = {("0", left.session.transports[0].local.username_fragment): found}
    shown = left.described(Side.LOCAL, pending=False, gathered=gathered)
    assert shown is not None
    first, second = Sdp.parse(shown.sdp).media
    assert [str(c) for c in first.candidates] == [HOST]
    assert first.end_of_candidates
    assert first.media_line.port == 5000
    assert first.connection is not None
    assert first.connection.address == "192.0.2.1"
    assert second.candidates == ()
    plain = left.described(Side.REMOTE, pending=False, gathered=gathered)
    assert plain is not None
    assert "a=candidate" not in plain.sdp
    assert left.described(Side.LOCAL, pending=True, gathered={}) is None


def test_rejected_section_of_ours_has_an_address_that_is_not_zero_once_there_is_one() -> None:
    left, right = answerer()
    set_remote(left, answer_of(right))
    left.stop_transceiver(left.session.transceivers[1].key)
    offer_of(left)
    found = GatheredCandidates((CandidateFields.parse(HOST),), complete=True)
    gathered = {("0", left.session.transports[0].local.username_fragment): found}
    shown = left.described(Side.LOCAL, pending=True, gathered=gathered)
    assert shown is not None
    rejected_one = Sdp.parse(shown.sdp).media[1]
    assert rejected_one.media_line.port == 0
    assert rejected_one.connection is not None
    # linphone takes 0.0.0.0 for an ICE restart, in a rejected m-section too.
    assert rejected_one.connection.address == "192.0.2.1"


@pytest.mark.parametrize(
    ("said", "trickles"),
    [("a=ice-options:trickle\r\n", True), ("", False), ("a=ice-options:ice2\r\n", False)],
)
def test_peer_trickles_where_it_says_so(said: str, trickles: bool) -> None:
    end = OfferAnswer(profile(2))
    assert end.peer_trickles is None
    set_remote(end, edited(an_offer("audio"), ("a=ice-options:trickle\r\n", said)))
    assert end.peer_trickles is trickles


def test_a_closed_end_takes_none() -> None:
    left, right = answerer()
    right.close()
    with pytest.raises(InvalidStateError, match="closed"):
        right.add_candidate(candidate(left, "0"))


def test_candidate_for_a_new_section_without_ice_leaves_what_was_agreed_alone() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    text = offer_of(left).sdp + "m=text 9 RTP/AVP 98\r\na=mid:9\r\n"
    set_remote(right, SessionDescription(text, SdpType.OFFER))
    line = "candidate:1 1 udp 1 192.0.2.1 5000 typ host"
    assert right.add_candidate(IceCandidate(line, sdpMid="9")) == ()
