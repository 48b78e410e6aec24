"""RFC 5763 section 6.8 with stacks that keep their association whatever a description says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.support.peers.marks import peer_parameters
from tests.support.peers.negotiated_session import Exchange, negotiated_session
from tests.support.peers.rekeys import Change, offer, rekey
from tests.support.peers.third_party import ThirdParty

KEEPERS = (
    ThirdParty.FIREFOX,
    ThirdParty.LIBDATACHANNEL,
    ThirdParty.PION,
    ThirdParty.WEBRTCBIN,
    ThirdParty.WERIFT,
)

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.conformance("6.8-kept", peers=tuple(name.value for name in KEEPERS)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session: how it opened, the rekey, and an offer after it that changes nothing."""

    opening: Exchange
    rekey: Change
    after: Change


@pytest.fixture(scope="module", params=peer_parameters(KEEPERS))
def story(request: pytest.FixtureRequest) -> Story:
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        opening = await session.open()
        return Story(opening=opening, rekey=await rekey(session), after=await offer(session))


def test_the_rekey_ends_as_not_done_and_says_why(story: Story) -> None:
    result = story.rekey.result
    assert result is not None
    assert not result.changed
    assert "the peer kept its association" in result.reason


def test_it_was_asked_for_with_a_new_certificate(story: Story) -> None:
    assert story.rekey.exchange.fingerprint != story.opening.fingerprint


def test_not_one_packet_is_lost(story: Story) -> None:
    reports = story.rekey.report, story.after.report
    lost = [(each.peer.lost, each.peer_lost, each.ours.lost, each.our_lost) for each in reports]
    assert lost == [(0, 0, 0, 0)] * 2


def test_the_next_description_is_true_again(story: Story) -> None:
    assert story.after.exchange.fingerprint == story.opening.fingerprint


def test_the_session_goes_on_with_its_one_handshake(story: Story) -> None:
    assert story.rekey.echoed
    assert story.after.echoed
    assert story.after.handshakes == 1
