"""Lost sound that Chromium and we ask for (NACK), where every fifth packet is lost at first."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.browser.media_page import MediaCall, Subject, media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.links.first_losses import FirstLosses
from tests.support.links.udp_relay import udp_relay
from tests.support.media.media_edits import only_ipv4

if TYPE_CHECKING:
    from collections.abc import Callable

#: Packets that are received before what is missing counts.
PACKETS = 100


def with_nack(sdp: str) -> str:
    """Name NACK for Opus, as pages do that edit the description."""
    return re.sub(r"(a=rtpmap:(\d+) opus/.*\r\n)", r"\1a=rtcp-fb:\2 nack\r\n", sdp)


def is_whole(*, lost: int, received: int) -> bool:
    """Tell whether repairs came: without them one in five is lost, however long one waits."""
    return received > PACKETS and lost < received / 10


async def _until(look: Callable[[], Any], reached: Callable[[Any], bool]) -> Any:
    """Look until it is reached, or time is over."""
    now = asyncio.get_running_loop().time
    end = now() + DEADLINE
    while True:
        found = await look()
        if reached(found) or now() > end:
            return found
        await asyncio.sleep(0.1)


async def _sent(call: MediaCall) -> OutboundRtpStats:
    stats = (await call.pc.getStats()).values()
    return next(each for each in stats if isinstance(each, OutboundRtpStats))


async def _received(call: MediaCall) -> InboundRtpStats:
    stats = (await call.pc.getStats()).values()
    return next(each for each in stats if isinstance(each, InboundRtpStats))


@pytest.mark.browser("chromium")
async def test_sound_that_chromium_asks_for_is_sent_again_though_its_answer_names_no_nack() -> None:
    with udp_relay() as relay:
        relay.passes = (link := FirstLosses()).passes
        async with media_call("chromium") as call:

            def edit(sdp: str) -> str:
                return relay.rerouted(only_ipv4(sdp))

            await call.offer([Subject.SO], [Subject.DO], edit=edit)

            async def there() -> dict[str, Any]:
                found = await call.stats("inbound-rtp")
                return found[0] if found else {}

            heard = await _until(
                there,
                lambda found: is_whole(
                    lost=found.get("packetsLost", 0), received=found.get("packetsReceived", 0)
                ),
            )
            sent = await _sent(call)
            assert "nack" not in call.there.sdp
            assert await call.seen_there([Subject.SO]) == [Subject.SO]
    assert heard["nackCount"] > 0
    assert sent.retransmittedPacketsSent > 0
    assert is_whole(lost=heard["packetsLost"], received=heard["packetsReceived"])
    ours = [datagrams for (ssrc, _), datagrams in link.sent.items() if ssrc == sent.ssrc]
    assert any(len(datagrams) > 1 for datagrams in ours)
    assert all(len(set(datagrams)) == 1 for datagrams in ours)


@pytest.mark.long
@pytest.mark.browser("chromium")
async def test_lost_sound_of_chromium_comes_back_where_its_description_names_nack() -> None:
    with udp_relay() as relay:
        relay.passes = FirstLosses().passes
        async with media_call("chromium") as call:

            def edit(sdp: str) -> str:
                return with_nack(relay.rerouted(only_ipv4(sdp)))

            await call.be_offered([Subject.DO], [], edit=edit)

            async def look() -> InboundRtpStats:
                return await _received(call)

            assert await call.seen_here([Subject.DO]) == [Subject.DO]
            heard = await _until(
                look,
                lambda found: is_whole(lost=found.packetsLost, received=found.packetsReceived),
            )
    assert heard.nackCount > 0
    assert is_whole(lost=heard.packetsLost, received=heard.packetsReceived)
