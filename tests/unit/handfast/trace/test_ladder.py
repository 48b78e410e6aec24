"""Rows of a ladder in their order, from one end and from both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handfast.trace import Ladder, TracedEnd, draw
from handfast.trace.rows import (
    Arrow,
    ArrowOutcome,
    Failure,
    Lifeline,
    Marks,
    Mood,
    Note,
    Pause,
    Topic,
)
from peer.times import UnixTime
from peer.tracing.events import (
    Datagram,
    DatagramDropped,
    DatagramKind,
    Described,
    Direction,
    Failed,
    PathSelected,
    TraceEvent,
)
from tests.support.tracing.ladders import (
    ANSWER_FINGERPRINT,
    CLIENT_FLIGHT,
    OFFER,
    SERVER_FLIGHT,
    START,
    Session,
    connected,
    intercepted,
    state,
)

DTLS = DatagramKind.DTLS


def both(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))


def one(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer))


def arrows(ladder: Ladder, topic: Topic | None = None) -> list[Arrow]:
    found = [row for row in ladder.rows if isinstance(row, Arrow)]
    return [row for row in found if topic in (None, row.topic)]


def notes(ladder: Ladder, side: Lifeline) -> list[Note]:
    return [row for row in ladder.rows if isinstance(row, Note) and row.side is side]


def test_ladder_has_each_passage_once_in_order() -> None:
    labels = [(row.label, row.origin) for row in arrows(both(connected()))]

    assert labels == [
        ("offer", Lifeline.LEFT),
        ("answer", Lifeline.RIGHT),
        ("connectivity checks", Lifeline.LEFT),
        ("ClientHello", Lifeline.RIGHT),
        (SERVER_FLIGHT, Lifeline.LEFT),
        (CLIENT_FLIGHT.removesuffix(" (encrypted)"), Lifeline.RIGHT),
        ("NewSessionTicket, ChangeCipherSpec, Finished", Lifeline.LEFT),
        ("SRTP starts", Lifeline.LEFT),
        ("SRTP starts", Lifeline.RIGHT),
    ]


def test_one_end_alone_tells_the_same_messages() -> None:
    session = connected()

    alone, together = arrows(one(session)), arrows(both(session))
    assert [(row.label, row.origin) for row in alone] == [
        (row.label, row.origin) for row in together
    ]
    assert {row.outcome for row in alone} == {ArrowOutcome.SEEN}
    assert one(session).right == "peer"


def test_arrows_of_both_ends_say_how_long_they_took() -> None:
    for row in arrows(both(connected())):
        if row.topic is not Topic.ICE:
            assert row.outcome is ArrowOutcome.ARRIVED
            assert row.note.endswith("took 4.0 ms")


def test_dtls_flights_in_a_ladder_have_their_numbers() -> None:
    flights = arrows(both(connected()), Topic.DTLS)

    assert [row.note.split(" · ")[0] for row in flights] == [
        "flight 1",
        "flight 4",
        "flight 5",
        "flight 6",
    ]


def test_datagrams_of_one_flight_are_one_arrow() -> None:
    flight = next(row for row in arrows(one(connected())) if row.label == SERVER_FLIGHT)

    assert "1,140 bytes in 2 datagrams" in flight.note
    assert len(flight.details) == 2


def test_a_cookie_makes_the_second_client_hello_the_third_flight() -> None:
    session = Session()
    session.datagram(0.0, DTLS, "ClientHello", out=True)
    session.datagram(0.1, DTLS, "HelloVerifyRequest", out=False)
    session.datagram(0.2, DTLS, "ClientHello", out=True, size=220)

    assert [row.note.split(" · ")[0] for row in arrows(one(session))] == [
        "flight 1",
        "flight 2",
        "flight 3",
    ]


def test_fragments_of_a_dtls_message_are_one_message_in_the_ladder() -> None:
    session = Session()
    session.datagram(0.0, DTLS, "ClientHello (0 to 1183 of 1404 bytes)", out=True, size=1200)
    session.datagram(0.0, DTLS, "ClientHello (1184 to 1403 of 1404 bytes)", out=True, size=245)

    (row,) = arrows(both(session))
    assert row.label == "ClientHello"
    assert "0 to 1183 of 1404 bytes" in row.details[0]


def test_checks_are_folded_into_one_row_with_their_count() -> None:
    (checks,) = arrows(both(connected()), Topic.ICE)

    assert checks.both_ways
    assert checks.note.startswith("4 requests, 4 answers")


def test_checks_after_the_path_was_chosen_ask_for_consent() -> None:
    session = Session()
    session.datagram(0.0, DatagramKind.STUN_REQUEST, "USE-CANDIDATE", out=True)
    session.at_offerer(
        PathSelected(
            time=UnixTime(START + 0.01), transport="0", local="192.0.2.1:1", remote="192.0.2.2:2"
        )
    )
    for number in range(1, 4):
        session.datagram(5.0 * number, DatagramKind.STUN_REQUEST, out=True)

    first, rest = arrows(one(session))
    assert first.label == "connectivity checks"
    assert "with nomination" in first.note
    assert rest.label == "consent checks"
    assert rest.note.startswith("3 requests")
    assert "RFC 7675" in rest.section


def test_a_long_run_tells_the_first_datagrams_and_how_many_more_there_are() -> None:
    session = Session()
    for number in range(100):
        session.datagram(0.02 * number, DatagramKind.STUN_REQUEST, out=True)

    (checks,) = arrows(one(session))
    assert len(checks.details) == 25
    assert checks.details[-1] == "and 76 more datagrams"


def test_decisions_stand_at_their_end_with_their_section() -> None:
    told = notes(both(connected()), Lifeline.RIGHT)

    assert [row.section for row in told] == [
        "RFC 5763 section 5",
        "RFC 5763 section 6.6",
        "RFC 5764 section 4.2",
        "RFC 8122 section 5",
    ]
    assert told[0].label.startswith("DTLS client, sends the ClientHello: setup actpass")
    assert "SRTP_AEAD_AES_128_GCM" in told[2].label
    assert told[3].mood is Mood.GOOD


def test_states_that_come_together_are_one_row() -> None:
    session = Session()
    session.at_offerer(
        state(0.0, "iceState", "checking"),
        state(0.0, "iceConnectionState", "checking"),
        state(0.001, "connectionState", "connecting"),
    )

    assert [row.states for row in one(session).rows if isinstance(row, Marks)] == [
        ("ICE checking", "connection connecting")
    ]


def test_a_lost_datagram_ends_on_its_way() -> None:
    session = connected()
    session.datagram(1.0, DTLS, "Alert (encrypted)", out=True, lost=True)

    last = arrows(both(session))[-1]
    assert (last.label, last.outcome) == ("Alert (encrypted)", ArrowOutcome.LOST)
    assert "took" not in last.note


def test_a_flight_that_is_sent_again_says_so_and_the_lost_one_is_known() -> None:
    session = connected()
    lost = Session()
    lost.describe(0.0, "offer", OFFER)
    lost.datagram(0.1, DTLS, "ClientHello", out=True, lost=True)
    lost.datagram(1.1, DTLS, "ClientHello", out=True)

    hellos = arrows(both(lost), Topic.DTLS)
    assert [row.outcome for row in hellos] == [ArrowOutcome.LOST, ArrowOutcome.ARRIVED]
    assert hellos[1].note.startswith("sent again")
    assert not any("sent again" in row.note for row in arrows(both(session)))


def test_a_flight_that_is_sent_in_vain_again_and_again_is_one_row() -> None:
    session = Session()
    for number in range(20):
        session.datagram(number, DTLS, "ClientHello (0 to 9 of 20 bytes)", out=True)
        session.datagram(number, DTLS, "ClientHello (10 to 19 of 20 bytes)", out=True)
        session.datagram(number + 0.5, DatagramKind.STUN_REQUEST, out=True)

    first, again = arrows(one(session), Topic.DTLS)
    assert first.note.startswith("flight 1 · 400 bytes in 2 datagrams")
    assert again.note.startswith("sent again 19 times over 18.000 s · flight 1")
    assert len(arrows(one(session), Topic.ICE)) == 2


def test_fingerprints_in_a_sentence_are_cut_and_whole_in_the_details() -> None:
    session = Session()
    sentence = f"shown {ANSWER_FINGERPRINT}, which is not it"
    session.at_offerer(Failed(time=UnixTime(START), sentence=sentence))

    (row,) = one(session).rows
    assert isinstance(row, Failure)
    assert row.sentence == "shown sha-256 CD:CD:CD:CD:CD:CD:CD:CD…, which is not it"
    assert row.details == (sentence,)


@pytest.mark.parametrize("skew", [-3600.0, -0.5, 2.5, 86_400.0])
def test_a_clock_that_is_wrong_is_corrected_and_said_to_be(skew: float) -> None:
    right, wrong = both(connected()), both(connected(skew))

    times = [row.time for row in wrong.rows]
    assert times == pytest.approx([row.time for row in right.rows], abs=1e-4)
    assert right.remarks == ()
    (remark,) = wrong.remarks
    assert remark.startswith("The clock of bob was")
    assert ("ahead" in remark) == (skew > 0)


def test_a_clock_is_corrected_by_what_went_one_way_alone() -> None:
    session = Session(skew=-10.0)
    session.describe(0.0, "offer", OFFER)

    (offer,) = arrows(both(session))
    assert offer.outcome is ArrowOutcome.ARRIVED
    assert "took 0.0 ms" in offer.note


def test_traces_of_two_sessions_are_said_to_be_strangers() -> None:
    session, other = connected(), Session()
    other.datagram(50.0, DTLS, "ClientHello", out=True, size=999)

    ladder = draw(TracedEnd("alice", session.offerer), TracedEnd("bob", other.answerer))
    assert any("nothing in common" in remark for remark in ladder.remarks)


def test_the_verdict_of_a_good_session_says_when_and_with_what() -> None:
    ladder = both(connected())

    assert ladder.mood is Mood.GOOD
    assert ladder.verdict.startswith("Connected after 90.3 ms with DTLS 1.2, TLS_ECDHE_")


def test_a_failure_is_the_verdict_and_the_last_row() -> None:
    ladder = both(intercepted())

    last = ladder.rows[-1]
    assert isinstance(last, Failure)
    assert last.side is Lifeline.LEFT
    assert "does not match" in last.sentence
    assert last.sentence in ladder.verdict
    assert ladder.mood is Mood.BAD


def test_a_fingerprint_that_was_changed_on_the_way_is_seen() -> None:
    answer = arrows(both(intercepted()))[1]

    assert answer.note.startswith("fingerprint changed on the way")
    assert answer.mood is Mood.BAD


def test_a_wrong_certificate_says_what_was_expected_and_what_was_shown() -> None:
    (note,) = notes(both(intercepted()), Lifeline.LEFT)

    assert note.mood is Mood.BAD
    assert note.details[-1] == f"shown: {ANSWER_FINGERPRINT}"


def test_candidates_that_come_later_do_not_make_two_descriptions_of_one() -> None:
    session = Session()
    session.describe(0.0, "offer", OFFER, arrives=f"{OFFER}a=candidate:1 1 udp 1 x 1 typ host\r\n")

    (offer,) = arrows(both(session))
    assert offer.outcome is ArrowOutcome.ARRIVED
    assert offer.mood is Mood.PLAIN


def test_silence_has_a_row_in_the_ladder() -> None:
    session = Session()
    session.describe(0.0, "offer", OFFER)
    session.at_offerer(Failed(time=UnixTime(START + 10.0), sentence="no answer came"))

    pause = one(session).rows[1]
    assert isinstance(pause, Pause)
    assert pause.seconds == pytest.approx(10.0)


def test_ladder_row_of_a_dropped_datagram_has_the_reason() -> None:
    session = Session()
    session.at_offerer(
        DatagramDropped(
            time=UnixTime(START),
            kind=DTLS,
            reason="no check has succeeded with that address",
            size=100,
            remote="203.0.113.9:9",
            section="RFC 5763 section 5",
        )
    )

    (note,) = notes(one(session), Lifeline.LEFT)
    assert note.label == (
        "dropped dtls from 203.0.113.9:9: no check has succeeded with that address"
    )


def test_transports_are_named_where_there_are_several() -> None:
    session = Session()
    session.datagram(0.0, DTLS, "ClientHello", out=True)
    video = [replace(event, transport="1") for event in session.offerer]
    session.at_offerer(*video)

    assert [row.note.rsplit(" · ", 1)[1] for row in arrows(one(session))] == [
        "transport 0",
        "transport 1",
    ]


def test_of_more_rows_than_anybody_reads_the_middle_is_left_out_and_said_to_be() -> None:
    session = Session()
    for number in range(30):
        session.datagram(number * 0.45, DTLS, f"Alert ({number})", out=True)

    *begins, gap, a, b, c, last = draw(TracedEnd("alice", session.offerer), limit=10).rows
    assert [row.details[0].split(" → ")[1][:9] for row in (*begins, a, b, c, last)] == [
        f"Alert ({number})"[:9] for number in (0, 1, 2, 3, 4, 26, 27, 28, 29)
    ]
    assert isinstance(gap, Pause)
    assert gap.left_out == 21
    assert gap.seconds == pytest.approx(22 * 0.45)


def test_a_trace_without_events_is_a_ladder_without_rows() -> None:
    ladder = draw(TracedEnd("alice", []))

    assert ladder.rows == ()
    assert ladder.verdict == "Not connected as far as this trace goes."


ESCAPE = "\x1b]0;owned\x07\u202eevil\r\nFAKE"


def test_texts_of_strangers_in_a_ladder_are_printable() -> None:
    events: list[TraceEvent] = [
        Described(
            time=UnixTime(START),
            direction=Direction.IN,
            type="offer",
            sdp=f"v=0\r\na=setup:{ESCAPE}",
        ),
        Datagram(time=UnixTime(START), direction=Direction.IN, kind=DTLS, size=1, detail=ESCAPE),
        Failed(time=UnixTime(START), sentence=ESCAPE),
    ]

    ladder = draw(TracedEnd(ESCAPE, events))
    texts = [ladder.left, ladder.verdict]
    for row in ladder.rows:
        texts += row.details
        match row:
            case Arrow():
                texts += [row.label, row.note, *row.sdp.split("\n")]
            case Failure():
                assert row.details
                texts.append(row.sentence)
    assert [text for text in texts if not text.isprintable()] == []
