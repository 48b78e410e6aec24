"""Rows of a ladder after the first handshake: new keys, and a new path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from handfast.trace import Ladder, TracedEnd, draw
from handfast.trace.rows import Arrow, ArrowOutcome, Lifeline, Mood, Note, Topic
from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    Datagram,
    DatagramKind,
    Described,
    Direction,
    HandshakeCompleted,
    KeysSwitched,
    TraceEvent,
    Verdict,
)
from tests.support.tracing.ladder_changes import kept, rekeyed, restarted
from tests.support.tracing.ladders import (
    CLIENT_FLIGHT,
    OFFER,
    SERVER_FLIGHT,
    START,
    Session,
    connected,
)

_CLIENT = CLIENT_FLIGHT.removesuffix(" (encrypted)")
_HANDSHAKE = ("ClientHello", SERVER_FLIGHT, _CLIENT)


def both(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))


def one(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer))


def arrows(ladder: Ladder, topic: Topic | None = None) -> list[Arrow]:
    found = [row for row in ladder.rows if isinstance(row, Arrow)]
    return [row for row in found if topic in (None, row.topic)]


def notes(ladder: Ladder, words: str) -> list[Note]:
    return [row for row in ladder.rows if isinstance(row, Note) and words in row.label]


def later(ladder: Ladder) -> list[Arrow]:
    return [row for row in arrows(ladder, Topic.DTLS) if row.time > 0.5]


def _secured(time: float, association: int) -> HandshakeCompleted:
    return HandshakeCompleted(
        time=UnixTime(START + time),
        transport="0",
        role=DtlsRole.CLIENT,
        version="DTLS 1.2",
        cipher=None,
        srtp_profile=None,
        association=association,
    )


def _dtls(time: float, detail: str) -> Datagram:
    return Datagram(
        time=UnixTime(START + time),
        transport="0",
        direction=Direction.OUT,
        kind=DatagramKind.DTLS,
        size=100,
        detail=detail,
    )


def _srtp(time: float, direction: Direction) -> Datagram:
    return Datagram(
        time=UnixTime(START + time),
        transport="0",
        direction=direction,
        kind=DatagramKind.SRTP,
        size=100,
    )


def test_with_one_association_no_row_says_to_which_it_belongs() -> None:
    ladder = both(connected())

    assert {row.association for row in ladder.rows} == {None}
    assert not ladder.has_associations


@pytest.mark.parametrize("draw_it", [one, both])
def test_each_handshake_belongs_to_its_own_association(
    draw_it: Callable[[Session], Ladder],
) -> None:
    flights = arrows(draw_it(rekeyed(2)), Topic.DTLS)

    assert [(row.label, row.association) for row in flights] == [
        *((label, 1) for label in (*_HANDSHAKE, "NewSessionTicket, ChangeCipherSpec, Finished")),
        *((label, 2) for label in (*_HANDSHAKE, "ChangeCipherSpec, Finished")),
        *((label, 3) for label in (*_HANDSHAKE, "ChangeCipherSpec, Finished")),
    ]


def test_a_client_hello_that_comes_before_the_answer_is_one_of_the_next_association() -> None:
    rows = [row for row in one(rekeyed()).rows if isinstance(row, Arrow) and row.time > 0.5]

    assert [(row.label, row.association) for row in rows[:3]] == [
        ("offer", None),
        ("ClientHello", 2),
        (SERVER_FLIGHT, 2),
    ]


def test_no_flight_of_a_second_handshake_counts_as_sent_again() -> None:
    assert [row.note.split(" · ")[0] for row in later(both(rekeyed(2)))] == [
        *("flight 1", "flight 4", "flight 5", "flight 6"),
        *("flight 1", "flight 4", "flight 5", "flight 6"),
    ]


def test_a_handshake_that_follows_at_once_is_not_taken_for_more_of_the_one_before() -> None:
    events: list[TraceEvent] = [
        _dtls(0.0, "Certificate, Finished"),
        _secured(0.01, 0),
        Described(time=UnixTime(START + 0.02), direction=Direction.OUT, type="offer", sdp=OFFER),
        _dtls(0.03, "ClientHello"),
        _secured(0.04, 1),
    ]

    flights = arrows(draw(TracedEnd("alice", events)), Topic.DTLS)
    assert [(row.label, row.association) for row in flights] == [
        ("Certificate, Finished", 1),
        ("ClientHello", 2),
    ]


def test_a_flight_of_a_second_handshake_that_is_sent_again_says_so() -> None:
    session = rekeyed()
    hello = next(
        event
        for event in session.answerer
        if isinstance(event, Datagram) and event.detail == "ClientHello" and event.time > START + 1
    )
    session.answerer.append(replace(hello, time=UnixTime(hello.time + 0.001), detail="ClientHello"))
    session.answerer.append(replace(hello, time=UnixTime(hello.time + 0.6)))
    session.answerer.sort(key=lambda event: event.time)

    again = [row for row in later(both(session)) if row.note.startswith("sent again")]
    assert [(row.label, row.association) for row in again] == [("ClientHello", 2)] * len(again)
    assert again


def test_a_decision_names_its_association_and_the_one_that_serves_meanwhile() -> None:
    started = notes(one(rekeyed()), "started")

    assert [row.label for row in started] == [
        "association 1 started: the first one of this transport",
        "association 2 started: the offerer's fingerprint changed; "
        "association 1 serves until it has keys",
    ]
    assert [row.association for row in started] == [1, 2]
    assert started[1].section == "RFC 8842 section 3.1"


def test_both_switches_of_an_end_are_notes() -> None:
    ladder = both(rekeyed())

    for words in ("sends under the keys of", "hears the peer under the keys of"):
        found = notes(ladder, words)
        assert {row.side for row in found} == set(Lifeline)
        assert {row.label for row in found} == {f"{words} association 2"}
        assert {row.mood for row in found} == {Mood.GOOD}
        assert {row.section for row in found} == {"RFC 5763 section 6.8"}


def test_media_is_seen_to_go_on_under_the_old_keys_and_then_under_the_new_ones() -> None:
    told = [
        (row.label, row.association, row.origin)
        for row in arrows(both(rekeyed()), Topic.MEDIA)
        if row.time > 0.5
    ]

    assert told == [
        ("media goes on", 1, Lifeline.LEFT),
        ("media under the new keys", 2, Lifeline.RIGHT),
        ("media under the new keys", 2, Lifeline.LEFT),
    ]


def test_a_packet_that_makes_an_end_switch_was_under_the_new_keys_already() -> None:
    first = [row for row in arrows(one(rekeyed()), Topic.MEDIA) if row.origin is Lifeline.RIGHT][1]

    assert (first.label, first.association) == ("media under the new keys", 2)
    assert first.note == "first packet SRTCP, 80 bytes"


def test_of_packets_that_are_told_after_each_switch_none_counts_as_lost() -> None:
    media = arrows(both(rekeyed(3)), Topic.MEDIA)

    assert ArrowOutcome.LOST not in {row.outcome for row in media}
    assert not any("took" in row.note for row in media if row.time > 0.5)


def test_packets_of_a_rekey_say_nothing_of_the_clocks() -> None:
    session = connected()
    # Each end tells of the first packet that it notices after its own handshake.
    for events, time, direction in (
        (session.offerer, 5.0, Direction.OUT),
        (session.answerer, 4.0, Direction.IN),
    ):
        events.append(
            KeysSwitched(
                time=UnixTime(START + time), transport="0", direction=direction, association=1
            )
        )
        events.append(
            Datagram(
                time=UnixTime(START + time),
                transport="0",
                direction=direction,
                kind=DatagramKind.SRTP,
                size=100,
            )
        )

    assert both(session).remarks == ()


def test_keys_that_are_wiped_are_a_note() -> None:
    wiped = notes(both(rekeyed()), "retired")

    assert [(row.label, row.association) for row in wiped] == [
        ("association 1 retired: its keys are old", 1)
    ] * 2


def test_a_peer_that_keeps_its_association_is_told_from_one_that_follows() -> None:
    ladder = one(kept())

    offered, given_up = notes(ladder, "association 2")
    assert offered.label == "association 2 undecided: our fingerprint changed"
    assert given_up.label == "association 2 given up: the peer kept its association"
    assert given_up.mood is Mood.PLAIN


def test_after_a_rekey_in_vain_media_still_belongs_to_the_first_association() -> None:
    session = kept()
    session.at_offerer(
        AssociationDecided(
            time=UnixTime(START + 5.0),
            transport="0",
            verdict=Verdict.KEPT,
            reason="nothing has changed",
            section="RFC 5763 section 6.6",
        )
    )

    (row,) = notes(one(session), "nothing has changed")
    assert row.label == "association 1 kept: nothing has changed"
    assert row.association == 1


def test_an_association_that_is_given_up_after_the_switch_leaves_the_keys_to_the_first() -> None:
    session = rekeyed()
    events = [event for event in session.offerer if event.time < START + 100]
    events.append(
        AssociationRetired(
            time=UnixTime(START + 30), transport="0", association=1, reason="never used"
        )
    )
    events.append(
        Datagram(
            time=UnixTime(START + 31),
            transport="0",
            direction=Direction.OUT,
            kind=DatagramKind.SRTCP,
            size=50,
        )
    )

    ladder = draw(TracedEnd("alice", events))
    assert [row.label for row in notes(ladder, "given up")] == [
        "association 2 given up: never used"
    ]
    assert ladder.rows[-1].association == 1
    assert ladder.verdict.endswith("once not rekeyed: never used.")


def test_a_listener_that_makes_way_for_a_client_of_its_number_has_not_come_to_nothing() -> None:
    session = rekeyed()
    session.offerer.append(
        AssociationRetired(
            time=UnixTime(START + 1.008), transport="0", association=1, reason="left"
        )
    )
    session.offerer.sort(key=lambda event: event.time)

    ladder = one(session)
    assert notes(ladder, "given up") == []
    assert "not rekeyed" not in ladder.verdict
    assert "keys changed once" in ladder.verdict


def test_packets_that_waited_for_the_new_keys_are_under_them_before_the_switch_is_told() -> None:
    events = [
        *connected().offerer,
        _secured(1.0, 1),
        _srtp(1.0001, Direction.OUT),
        KeysSwitched(
            time=UnixTime(START + 1.0002), transport="0", direction=Direction.OUT, association=1
        ),
    ]

    (*_, row) = arrows(draw(TracedEnd("alice", events)), Topic.MEDIA)
    assert (row.label, row.association) == ("media under the new keys", 2)


def test_a_server_that_waits_for_the_client_goes_on_under_the_old_keys() -> None:
    events = [
        *connected().offerer,
        _secured(1.0, 1),
        _srtp(1.0001, Direction.OUT),
        _srtp(1.0002, Direction.IN),
        KeysSwitched(
            time=UnixTime(START + 1.0003), transport="0", direction=Direction.OUT, association=1
        ),
    ]

    out, into = arrows(draw(TracedEnd("alice", events)), Topic.MEDIA)[-2:]
    assert (out.label, out.association) == ("media goes on", 1)
    assert (into.label, into.association) == ("media under the new keys", 2)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (1, "keys changed once, in 29.0 ms."),
        (2, "keys changed twice, last in 29.0 ms."),
        (3, "keys changed 3 times, last in 29.0 ms."),
    ],
)
def test_the_verdict_of_a_session_that_rekeyed_says_so(times: int, said: str) -> None:
    ladder = both(rekeyed(times))

    assert ladder.mood is Mood.GOOD
    assert ladder.verdict.startswith("Connected after 90.3 ms with DTLS 1.2")
    assert ladder.verdict.endswith(f"; {said}")


def test_the_verdict_of_a_session_that_could_not_rekey_says_why() -> None:
    assert both(kept()).verdict.endswith("; once not rekeyed: the peer kept its association.")


@pytest.mark.parametrize("draw_it", [one, both])
def test_checks_of_a_restart_are_a_run_of_their_own(draw_it: Callable[[Session], Ladder]) -> None:
    labels = [row.label for row in arrows(draw_it(restarted()), Topic.ICE)]

    assert labels == [
        "connectivity checks",
        "connectivity checks, generation 2",
        "consent checks",
    ]


def test_the_path_of_a_restart_is_a_move() -> None:
    first, moved = notes(one(restarted()), "path ")

    assert first.label == "path 192.0.2.1:50000 → 198.51.100.2:60000"
    assert moved.label == "path moves to 192.0.2.1:50001 → 198.51.100.2:60001"


def test_an_offer_says_what_it_has_anew() -> None:
    offers = [row for row in arrows(one(restarted())) if row.label == "offer"]

    usual = "setup actpass · sha-256 fingerprint · 1 m-section"
    assert [row.note for row in offers[1:]] == [
        usual,
        f"new ICE credentials · {usual} · "
        "ICE restarts, the present path serves until another is chosen",
    ]
    (_, rekey) = [row for row in arrows(one(rekeyed())) if row.label == "offer"]
    assert rekey.note.startswith("new fingerprint · setup")


def test_a_description_that_goes_back_to_a_former_fingerprint_says_so() -> None:
    session = kept()
    session.describe(6.0, "offer", OFFER.replace("o=- 1 1 ", "o=- 1 3 "))

    last = [row for row in arrows(one(session)) if row.label == "offer"][-1]
    assert last.note.startswith("former fingerprint · setup")


def test_the_verdict_counts_the_moves_of_restarts() -> None:
    assert both(restarted()).verdict.endswith("; path moved once.")
