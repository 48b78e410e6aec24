"""RFC 5763 section 6.6 with stacks of others: offers that change nothing of the association."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer.tracing.events import HandshakeCompleted
from tests.support.negotiation.connections import expected, opened, within
from tests.support.peers.marks import peer_parameters
from tests.support.peers.negotiated_session import NegotiatedSession, Report, negotiated_session
from tests.support.peers.third_party import ThirdParty

if TYPE_CHECKING:
    from peer import DataChannelEvent
    from tests.support.rtp.arrivals import Arrivals

PEERS = tuple(name.value for name in ThirdParty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One exchange, and what both ends saw from before it until some time after it."""

    what: str
    echoed: bool
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All exchanges of one session, after the one that opened it."""

    rounds: tuple[Round, ...]
    handshakes: int


async def _we_offer(session: NegotiatedSession) -> bool:
    await session.offer()
    return await session.echo()


async def _we_add_a_channel(session: NegotiatedSession) -> bool:
    channel = session.pc.createDataChannel("another")
    await session.offer()
    await within(opened(channel))
    return await session.echo(channel) and await session.echo()


async def _we_add_a_transceiver(session: NegotiatedSession) -> bool:
    session.pc.addTransceiver("audio", direction="recvonly")
    return await _we_offer(session)


async def _the_peer_offers(session: NegotiatedSession) -> bool:
    await session.be_offered()
    return await session.echo()


async def _the_peer_adds_a_channel(session: NegotiatedSession) -> bool:
    coming = expected(session.pc, "datachannel")
    await session.peer.tell("channel", label="theirs")
    await session.be_offered()
    event: DataChannelEvent = await within(coming)
    return await session.echo(event.channel) and await session.echo()


STEPS: tuple[Callable[[NegotiatedSession], Awaitable[bool]], ...] = (
    _we_offer,
    _we_add_a_channel,
    _we_add_a_transceiver,
    _the_peer_offers,
    _we_offer,
    _the_peer_adds_a_channel,
    _we_offer,
)


@pytest.fixture(scope="module", params=peer_parameters())
def story(request: pytest.FixtureRequest) -> Story:
    """One session with each peer, through every step."""
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        await session.open()
        rounds = [await _round(session, step) for step in STEPS]
        return Story(rounds=tuple(rounds), handshakes=len(session.trace.all(HandshakeCompleted)))


async def _round(
    session: NegotiatedSession, step: Callable[[NegotiatedSession], Awaitable[bool]]
) -> Round:
    await session.reset()
    echoed = await step(session)
    return Round(what=step.__name__, echoed=echoed, report=await session.flow())


@pytest.mark.conformance("6.6-reuse", peers=PEERS)
def test_renegotiation_of_either_side_keeps_one_handshake(story: Story) -> None:
    assert story.handshakes == 1


@pytest.mark.conformance("6.6-reuse", peers=PEERS)
def test_renegotiation_loses_and_duplicates_no_packet_to_the_peer(story: Story) -> None:
    assert story.rounds[-1].report.peer_lost == 0
    assert [each for each in story.rounds if not _whole(each.report.peer)] == []


@pytest.mark.conformance("6.6-reuse", peers=PEERS)
def test_renegotiation_loses_and_duplicates_no_packet_to_us(story: Story) -> None:
    assert story.rounds[-1].report.our_lost == 0
    assert [each for each in story.rounds if not _whole(each.report.ours)] == []


@pytest.mark.conformance("6.6-reuse", peers=PEERS)
def test_messages_come_back_over_every_channel_after_renegotiation(story: Story) -> None:
    assert [each.what for each in story.rounds if not each.echoed] == []


def _whole(arrivals: Arrivals) -> bool:
    return arrivals.lost == arrivals.doubled == 0
