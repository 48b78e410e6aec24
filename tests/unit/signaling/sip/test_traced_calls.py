"""SIP messages of a call stand in the trace of its connection, and a ladder draws them."""

from __future__ import annotations

import asyncio

from handfast.trace import TracedEnd, draw
from handfast.trace.rows import Arrow, ArrowOutcome, Topic
from peer import PeerConfiguration
from peer.tracing.events import SignalingMessage
from tests.support.negotiation.connections import both_connected, within
from tests.support.peers.sip_phones import forked_phones, sounding, two_phones
from tests.support.tracing.traces import Sink


async def test_ladder_of_an_early_call_shows_sip_beside_dtls() -> None:
    sinks = Sink(), Sink()
    ours, theirs = (sounding(PeerConfiguration(trace=sink)) for sink in sinks)
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", ours))
        call = await called.ringing()
        await within(call.early(theirs))
        await both_connected(ours, theirs)
        await within(call.answer())
        await within(calling)
        await within(call.established())
        await within(call.hangup())
    names = ["INVITE", "183 Session Progress (INVITE)", "PRACK", "200 OK (PRACK)"]
    names += ["200 OK (INVITE)", "ACK", "BYE"]
    for sink in sinks:
        summaries = [each.summary for each in sink.all(SignalingMessage)]
        assert summaries[: len(names)] == names
    ladder = draw(TracedEnd("ann", sinks[0].events), TracedEnd("bob", sinks[1].events))
    arrows = [row for row in ladder.rows if isinstance(row, Arrow)]
    sip = [row for row in arrows if row.topic is Topic.SIGNALING and row.note.startswith("SIP")]
    assert [row.label for row in sip][: len(names)] == names
    assert sip[0].outcome is ArrowOutcome.ARRIVED
    labels = [row.label for row in arrows]
    hello = next(place for place, label in enumerate(labels) if "ClientHello" in label)
    assert labels.index("183 Session Progress (INVITE)") < hello < labels.index("ACK")


async def test_fork_has_its_own_messages_and_the_common_invite_in_its_trace() -> None:
    sinks: list[Sink] = []

    def traced(_: object) -> Sink:
        sinks.append(Sink())
        return sinks[-1]

    async with forked_phones(2) as (caller, called):
        target = "sip:bob@example.org"
        async with caller.phone.ring(target, sounding(), trace=traced) as branches:
            for each in called:
                await within((await each.ringing()).early(sounding()))
                await within(anext(branches))
    for sink in sinks:
        summaries = [each.summary for each in sink.all(SignalingMessage)]
        assert summaries[:4] == [
            "INVITE",
            "183 Session Progress (INVITE)",
            "PRACK",
            "200 OK (PRACK)",
        ]


async def test_trace_of_sip_holds_no_description_twice() -> None:
    sink = Sink()
    async with two_phones() as (caller, called):
        connection = sounding(PeerConfiguration(trace=sink))
        await caller.call(called, connection)
    assert not any("ice-pwd" in each.text for each in sink.all(SignalingMessage))
