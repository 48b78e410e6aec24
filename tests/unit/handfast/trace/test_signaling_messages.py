"""Messages of the protocol that carries the descriptions are arrows of the ladder."""

from __future__ import annotations

from handfast.trace import Ladder, TracedEnd, draw
from handfast.trace.rows import Arrow, ArrowOutcome, Lifeline, Topic
from peer import PeerConfiguration, PeerConnection
from peer.times import UnixTime
from peer.tracing.events import Direction, SignalingMessage
from tests.support.tracing.ladders import START, connected
from tests.support.tracing.traces import Sink


def message(time: float, direction: Direction, summary: str, text: str = "") -> SignalingMessage:
    return SignalingMessage(
        time=UnixTime(START + time),
        direction=direction,
        protocol="SIP",
        summary=summary,
        text=text,
        section="RFC 3261 section 13",
    )


def sip_rows(ladder: Ladder) -> list[Arrow]:
    return [row for row in ladder.rows if isinstance(row, Arrow) and row.note.startswith("SIP")]


def test_sip_messages_of_one_end_are_arrows_of_its_ladder_in_order() -> None:
    caller = connected().offerer
    caller += [
        message(0.001, Direction.OUT, "INVITE", "To: <sip:bob@example.org>"),
        message(0.002, Direction.IN, "183 Session Progress"),
    ]
    invite, progress = sip_rows(draw(TracedEnd("alice", caller)))
    assert (invite.label, invite.origin) == ("INVITE", Lifeline.LEFT)
    assert (progress.label, progress.origin) == ("183 Session Progress", Lifeline.RIGHT)
    assert invite.topic is Topic.SIGNALING
    assert invite.section == "RFC 3261 section 13"
    assert invite.details == ("To: <sip:bob@example.org>",)


def test_sip_message_that_a_proxy_changed_is_one_arrow_between_both_ends() -> None:
    session = connected()
    session.at_offerer(message(0.001, Direction.OUT, "INVITE", "Via: one"))
    session.at_answerer(message(0.006, Direction.IN, "INVITE", "Via: two\nVia: one"))
    ladder = draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))
    (invite,) = sip_rows(ladder)
    assert invite.outcome is ArrowOutcome.ARRIVED
    assert invite.note == "SIP · took 5.0 ms"


async def test_connection_traces_a_message_that_signalling_hands_to_it() -> None:
    sink = Sink()
    async with PeerConnection(PeerConfiguration(trace=sink)) as pc:
        pc.trace_message(Direction.OUT, protocol="SIP", summary="BYE", section="RFC 3261 15")
    (event,) = sink.all(SignalingMessage)
    assert (event.direction, event.protocol, event.summary) == (Direction.OUT, "SIP", "BYE")
