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

pytestmark = [
    pytest.mark.conformance("6.8-kept", peers=tuple(name.value for name in KEEPERS)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session: how it opened, two rekeys, and an offer after them that changes nothing.

    Args:
        opening: The first exchange.
        kept: A rekey that keeps the path.
        restarted: One that restarts ICE, as `rekey()` does, where the peer can.
        after: The last offer.
    """

    opening: Exchange
    kept: Change
    restarted: Change
    after: Change

    @property
    def rekeys(self) -> tuple[Change, Change]:
        return self.kept, self.restarted


@pytest.fixture(scope="module", params=peer_parameters(KEEPERS))
def story(request: pytest.FixtureRequest) -> Story:
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        opening = await session.open()
        kept = await rekey(session)
        restarted = await rekey(session, ice_restart=name not in WITHOUT_RESTART)
        return Story(opening=opening, kept=kept, restarted=restarted, after=await offer(session))


def test_rekey_fails_with_a_reason_where_the_peer_keeps_its_association(story: Story) -> None:
    for each in story.rekeys:
        assert each.result is not None
        assert not each.result.changed
        assert "the peer kept its association" in each.result.reason


def test_rekey_offered_a_new_certificate_to_a_peer_that_keeps_its_association(story: Story) -> None:
    fingerprints = [each.exchange.fingerprint for each in story.rekeys]
    assert len({story.opening.fingerprint, *fingerprints}) == 3


# What a stack loses of its own when it restarts ICE is no matter of its association.
def test_no_packet_is_lost_where_the_peer_keeps_its_association(story: Story) -> None:
    report = story.kept.report
    assert (report.peer.lost, report.peer_lost) == (0, 0)
    assert (report.ours.lost, report.our_lost) == (0, 0)


def test_description_after_a_kept_association_names_the_old_fingerprint(story: Story) -> None:
    assert story.after.exchange.fingerprint == story.opening.fingerprint


def test_session_with_a_kept_association_has_one_handshake(story: Story) -> None:
    assert all(each.echoed for each in story.rekeys)
    assert story.after.echoed
    assert story.after.handshakes == 1
