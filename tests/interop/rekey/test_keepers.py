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
#: Refuses an offer that restarts ICE.
WITHOUT_RESTART = (ThirdParty.LIBDATACHANNEL,)
#: Sends nothing from its ICE restart until it has another path.
BREAKS_FIRST = (ThirdParty.WERIFT,)

pytestmark = [
    pytest.mark.conformance("6.8-kept", peers=tuple(name.value for name in KEEPERS)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session: how it opened, the rekey, and an offer after it that changes nothing."""

    peer: ThirdParty
    opening: Exchange
    rekey: Change
    after: Change


@pytest.fixture(scope="module", params=peer_parameters(KEEPERS))
def story(request: pytest.FixtureRequest) -> Story:
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        opening = await session.open()
        rekeyed = await rekey(session, ice_restart=name not in WITHOUT_RESTART)
        return Story(peer=name, opening=opening, rekey=rekeyed, after=await offer(session))


def test_rekey_fails_with_a_reason_where_the_peer_keeps_its_association(story: Story) -> None:
    result = story.rekey.result
    assert result is not None
    assert not result.changed
    assert "the peer kept its association" in result.reason


def test_rekey_offered_a_new_certificate_to_a_peer_that_keeps_its_association(story: Story) -> None:
    assert story.rekey.exchange.fingerprint != story.opening.fingerprint


def test_no_packet_is_lost_where_the_peer_keeps_its_association(story: Story) -> None:
    reports = story.rekey.report, story.after.report
    assert [(each.peer.lost, each.peer_lost) for each in reports] == [(0, 0)] * 2
    if story.peer not in BREAKS_FIRST:
        assert [(each.ours.lost, each.our_lost) for each in reports] == [(0, 0)] * 2


def test_description_after_a_kept_association_names_the_old_fingerprint(story: Story) -> None:
    assert story.after.exchange.fingerprint == story.opening.fingerprint


def test_session_with_a_kept_association_has_one_handshake(story: Story) -> None:
    assert story.rekey.echoed
    assert story.after.echoed
    assert story.after.handshakes == 1
