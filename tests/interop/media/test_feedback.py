"""What is repaired, and how fast what is sent may be, with browsers behind a link that loses."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from peer.rtp.packet import TRANSPORT_CC
from peer.tracing.events import Datagram, DatagramKind, Direction
from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import MediaCall, Subject, media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.starved import seconds_starved
from tests.support.links.udp_relay import udp_relay
from tests.support.media.media_edits import only_ipv4, without_remb
from tests.support.network.own_address import own_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.dtmf_events import DtmfTone
    from peer.tracing.events import TraceEvent

TONES = "12#A"
#: Where libwebrtc and we begin, in bits a second.
START = 300_000
#: Of the packets of media, both ways.
LOSS = 0.08
#: Seconds with loss, at least.
LOSING = 3.0
#: Key frames that are asked for because a machine came too late with a repair; one more for each
#: second in which some process waited for a processor.
STALLS = 1


class _Feedback:
    """Counts transport-wide feedback; the first header of SRTCP is in the clear."""

    wants_data = True

    def __init__(self) -> None:
        self.count: Counter[Direction] = Counter()

    def __call__(self, event: TraceEvent) -> None:
        match event:
            # RFC 4585 section 6.1: RTPFB is 205; the draft's format is 15.
            case Datagram(kind=DatagramKind.SRTCP, direction=direction, data=data):
                self.count[direction] += (data[0] & 31, data[1]) == (15, 205)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of pictures, at one time: ours sent and received, and what the browser says of both."""

    sent: OutboundRtpStats
    received: InboundRtpStats
    there_sent: dict[str, Any]
    there_received: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session.

    Args:
        extensions: How many m-sections of either description have transport-wide numbers.
        feedback: How many packets tell what came, by direction.
        room: What the browser believes the way to us takes; None where it does not say.
        tones: What its telephone sent.
        before: As the loss began.
        after: As it ended, and a little later.
        waited: Seconds from one to the other for which some process waited for a processor.
    """

    extensions: tuple[int, int]
    feedback: Counter[Direction]
    room: float | None
    tones: list[DtmfTone]
    before: Counts
    after: Counts
    waited: float


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName],
)
def story(request: pytest.FixtureRequest) -> Story:
    """A session with each browser."""
    return asyncio.run(_tell(request.param))


async def _tell(name: str) -> Story:
    sink = _Feedback()
    with udp_relay(host=own_address()) as relay:
        async with media_call(name, trace=sink) as call:

            def edit(sdp: str) -> str:
                return relay.rerouted(without_remb(only_ipv4(sdp)))

            offered = [Subject.NOISE, Subject.DO]
            await call.be_offered(offered, offered, edit=edit)
            watching = asyncio.create_task(call.seen_here([]))
            tones = await _dial(call)
            room = await _room(call)
            before = await _until(lambda: _counts(call), lambda c: _rate(c.sent) > 2 * START)
            starved = seconds_starved()
            relay.passes = _Loss(LOSS, call.here.sdp + call.there.sdp)
            await asyncio.sleep(LOSING)
            # A machine that is behind repairs and shows as many pictures later.
            await _until(lambda: _counts(call), lambda c: _have_gone_on(before, c))
            relay.passes = lambda _: True
            await asyncio.sleep(0.5)
            after = await _counts(call)
            watching.cancel()
            return Story(
                extensions=(
                    call.here.sdp.count(TRANSPORT_CC),
                    call.there.sdp.count(TRANSPORT_CC),
                ),
                feedback=sink.count,
                room=room,
                tones=tones,
                before=before,
                after=after,
                waited=seconds_starved() - starved,
            )


class _Loss:
    """Lets all pass but some RTP that is sent for the first time.

    What is lost twice is for key frames to mend, and not what is tested here.
    """

    def __init__(self, part: float, sdp: str) -> None:
        self._part = part
        self._repairs = {int(found) for found in re.findall(r"a=rtpmap:(\d+) rtx/", sdp)}
        self._random = random.Random(7)

    def __call__(self, datagram: bytes) -> bool:
        is_rtp = 128 <= datagram[0] <= 191 and not 192 <= datagram[1] <= 223
        if not is_rtp or datagram[1] & 0x7F in self._repairs:
            return True
        return self._random.random() >= self._part


async def _dial(call: MediaCall) -> list[DtmfTone]:
    reader = call.pc.getReceivers()[1].tones()
    dtmf = "media.connection.getSenders()[1].dtmf"
    await call.page.evaluate(f"{dtmf}.insertDTMF({TONES!r}, 100, 70)")
    async with asyncio.timeout(DEADLINE):
        return [await anext(reader) for _ in TONES]


async def _room(call: MediaCall) -> float | None:
    """Once it is more than at first, or time is over."""

    async def look() -> float | None:
        pairs = await call.stats("candidate-pair")
        rooms = [pair.get("availableOutgoingBitrate") for pair in pairs if pair.get("nominated")]
        return max((room for room in rooms if room is not None), default=None)

    room: float | None = await _until(look, lambda room: room is None or room > 2 * START)
    return room


async def _until(look: Callable[[], Any], condition: Callable[[Any], bool]) -> Any:
    """What it gives when that holds, or when time is over."""
    now = asyncio.get_running_loop().time
    end = now() + DEADLINE
    while True:
        found = await look()
        if condition(found) or now() > end:
            return found
        await asyncio.sleep(0.1)


async def _counts(call: MediaCall) -> Counts:
    ours = (await call.pc.getStats()).values()
    return Counts(
        sent=next(s for s in ours if isinstance(s, OutboundRtpStats) and s.kind == "video"),
        received=next(s for s in ours if isinstance(s, InboundRtpStats) and s.kind == "video"),
        there_sent=await _video(call, "outbound-rtp"),
        there_received=await _video(call, "inbound-rtp"),
    )


async def _video(call: MediaCall, kind: str) -> dict[str, Any]:
    return next(each for each in await call.stats(kind) if each["kind"] == "video")


def _have_gone_on(before: Counts, after: Counts) -> bool:
    """Both ends have asked for repairs and got some, and have decoded five pictures a second."""
    here = (
        after.received.retransmittedPacketsReceived - before.received.retransmittedPacketsReceived
    )
    there = after.sent.retransmittedPacketsSent - before.sent.retransmittedPacketsSent
    return min(here, there) > 0 and min(_decoded_since(before, after)) > 5 * LOSING


def _decoded_since(before: Counts, after: Counts) -> tuple[int, int]:
    """The pictures that we and the browser have decoded from one to the other."""
    there = "framesDecoded"
    return (
        after.received.framesDecoded - before.received.framesDecoded,
        after.there_received[there] - before.there_received[there],
    )


def _rate(sent: OutboundRtpStats) -> int:
    return sent.targetBitrate or 0


def test_transport_wide_sequence_numbers_are_agreed_for_audio_and_video(story: Story) -> None:
    assert story.extensions == (2, 2)


def test_feedback_goes_both_ways(story: Story) -> None:
    assert story.feedback[Direction.IN] > 10
    assert story.feedback[Direction.OUT] > 10


def test_browser_adapts_its_rate_to_our_transport_wide_feedback(story: Story) -> None:
    assert story.room is None or story.room > 2 * START


def test_we_adapt_our_rate_to_transport_wide_feedback_of_the_browser(story: Story) -> None:
    assert _rate(story.before.sent) > 2 * START


def test_packets_lost_by_us_are_retransmitted_over_rtx(story: Story) -> None:
    before, after = story.before.received, story.after.received
    assert after.rtxSsrc is not None
    assert after.nackCount > before.nackCount
    assert after.retransmittedPacketsReceived > before.retransmittedPacketsReceived
    assert _decoded_since(story.before, story.after)[0] > 5 * LOSING
    assert after.pliCount <= before.pliCount + STALLS + int(story.waited)


def test_packets_lost_by_the_browser_are_retransmitted_over_rtx(story: Story) -> None:
    before, after = story.before, story.after
    assert after.sent.nackCount > before.sent.nackCount
    assert after.sent.retransmittedPacketsSent > before.sent.retransmittedPacketsSent
    assert after.sent.pliCount <= before.sent.pliCount + STALLS + int(story.waited)
    assert _decoded_since(before, after)[1] > 5 * LOSING


def test_the_tones_of_its_telephone_are_heard(story: Story) -> None:
    assert "".join(tone.tone for tone in story.tones) == TONES
    assert [tone.duration for tone in story.tones] == pytest.approx([0.1] * 4, abs=0.03)
