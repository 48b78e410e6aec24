"""A call goes on while somebody sends SRTP of all sorts from the peer's own address.

`SECONDS=10` floods it for longer; `-rP` shows how fast.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from peer.ice import IceParameters
from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceRole, IceTransportState
from peer.transport.ice.transport import IceGeneration
from peer.transport.secure.transport import SecureTransport
from tests.support.captures.captured_call import call
from tests.support.captures.forging import Forger, Forgery
from tests.support.captures.wire import Captured, Side, pass_on
from tests.support.clock.own_time import own_time
from tests.support.links.secure import Recorder, rtcp, rtp
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, until, within
from tests.support.network.ice import LOOPBACK
from tests.support.network.ice import Recorder as IceRecorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

SECONDS = float(os.environ.get("SECONDS", "1"))
#: A second: forged, genuine RTP, genuine RTCP.
FORGED, GENUINE, REPORTS = 10_000, 500, 20
#: Datagrams in one go: less than a socket's buffer holds.
BURST = 100

pytestmark = pytest.mark.timeout(300 + 5 * SECONDS)


class WatchedPath:
    """A `DatagramPath` that shows what it sends to a forger."""

    def __init__(self, ice: IceGeneration) -> None:
        self.ice = ice
        self.forger: Forger | None = None

    @property
    def role(self) -> IceRole | None:
        return self.ice.role

    @property
    def round_trip_time(self) -> float | None:
        return self.ice.datagrams.round_trip_time

    def send(self, datagram: bytes) -> bool:
        if self.forger is not None:
            self.forger.show(datagram)
        return self.ice.datagrams.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))


class IceEvents(IceRecorder):
    """Hands up what a path brings."""

    secure: SecureTransport

    def on_state(self, state: IceTransportState) -> None:
        super().on_state(state)
        self.secure.on_ice_state(state)


class End:
    """One end of a call over real sockets."""

    def __init__(self) -> None:
        self.certificate = Certificate.generate()
        self.events = Recorder()
        self.seen = IceEvents()
        self.secure = self.seen.secure = SecureTransport(
            key="0", certificate=self.certificate, events=self.events
        )
        self.ice = IceGeneration(
            local=IceParameters.generate(),
            events=self.seen,
            on_datagram=self.secure.receive,
            interfaces=LOOPBACK,
        )
        self.path = WatchedPath(self.ice)
        self.secure.attach(self.path, self.events.handlers)

    @property
    def dropped(self) -> int:
        """What SRTP did not take, and what was not even told apart."""
        stats = self.secure.stats()
        return stats.dropped_unauthentic + stats.dropped_unexpected


@asynccontextmanager
async def connected_ends() -> AsyncIterator[tuple[End, End]]:
    left, right = End(), End()
    left.seen.forward = right.ice.add_remote_candidate
    right.seen.forward = left.ice.add_remote_candidate
    try:
        await left.ice.gather()
        await right.ice.gather()
        for end, other, dtls in (
            (left, right, DtlsRole.CLIENT),
            (right, left, DtlsRole.SERVER),
        ):
            end.secure.connect(0, end.certificate, dtls, [other.certificate.fingerprint()])
        left.ice.start(right.ice.local, IceRole.CONTROLLING)
        right.ice.start(left.ice.local, IceRole.CONTROLLED)
        await within(asyncio.gather(left.secure.connected(), right.secure.connected()))
        yield left, right
    finally:
        for end in (left, right):
            await end.secure.close()
            await end.ice.close()


def due(rate: float, elapsed: float, done: int) -> int:
    """How many are to be sent now."""
    return max(int(min(elapsed, SECONDS) * rate) - done, 0)


@dataclass
class Flood:
    """What one end sends, and what somebody beside it does.

    Attributes:
        sent: The genuine RTP.
        reports: How many genuine RTCP packets.
        forged: How many packets of each kind.
        seconds: How long it took.
    """

    end: End
    forger: Forger = field(default_factory=lambda: Forger(seed=9))
    sent: list[bytes] = field(default_factory=list)
    reports: int = 0
    forged: Counter[Forgery] = field(default_factory=Counter)
    seconds: float = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self.end.path.forger = self.forger
        self._speak()
        self.end.path.forger = None
        begin = loop.time()
        while self.forged.total() < int(FORGED * SECONDS):
            elapsed = loop.time() - begin
            self.end.path.forger = self.forger
            for _ in range(min(due(GENUINE, elapsed, len(self.sent)), BURST)):
                self._speak()
            if due(REPORTS, elapsed, self.reports):
                self._report()
            self.end.path.forger = None
            for _ in range(min(due(FORGED, elapsed, self.forged.total()), BURST)):
                kind, datagram = self.forger.forge()
                assert self.end.ice.datagrams.send(datagram)
                self.forged[kind] += 1
            await asyncio.sleep(0.001)
        self.seconds = loop.time() - begin

    def _speak(self) -> None:
        packet = rtp(len(self.sent) % 65536, len(self.sent).to_bytes(4) * 10)
        assert self.end.secure.send_rtp(packet)
        self.sent.append(packet)

    def _report(self) -> None:
        assert self.end.secure.send_rtcp(rtcp())
        self.reports += 1


async def test_forged_packets_are_counted_and_dropped_and_the_call_goes_on() -> None:
    async with connected_ends() as (left, right):
        flood, arrivals = Flood(left), list[float]()
        with own_time() as clock:
            right.events.on_any = lambda: arrivals.append(clock.seconds)
            await flood.run()

        oversized = flood.forged[Forgery.OVERSIZED]
        others = flood.forged.total() - oversized
        assert min(flood.forged[kind] for kind in Forgery) > 0.05 * flood.forged.total()
        await until(lambda: right.dropped >= others and len(right.events.rtp) >= len(flood.sent))
        assert right.dropped == others
        assert right.ice.counters.packets_oversized == oversized
        # Each genuine packet came through once and in its place, and nothing else did.
        assert right.events.rtp == flood.sent
        assert len(right.events.rtcp) == flood.reports
        # On a machine of its own: a busy one stands still by itself.
        gaps = [b - a for a, b in itertools.pairwise(arrivals)]
        assert max(gaps) < 1.0

        # The call still runs, both ways, media and data.
        assert right.secure.state is left.secure.state is DtlsTransportState.CONNECTED
        for one, other in ((left, right), (right, left)):
            assert one.secure.send_data(b"still here")
            last = rtp(7, b"after", ssrc=4321)
            assert one.secure.send_rtp(last)
            await until(lambda other=other: b"still here" in other.events.data)  # type: ignore[misc] # a default
            await until(lambda other=other, last=last: last in other.events.rtp)  # type: ignore[misc] # defaults
        print(
            f"{flood.forged.total()} forged, {flood.forged.total() / flood.seconds:.0f} a second;"
            f" {len(flood.sent)} of {len(flood.sent)} genuine, {max(gaps):.3f} s apart at most"
        )


async def test_a_call_is_heard_through_forged_packets() -> None:
    async with call() as at:
        forger = Forger(seed=10)
        flooding = asyncio.Event()

        def watch(datagram: Captured) -> Iterable[bytes]:
            if datagram.sender is Side.OFFERER and datagram.is_srtp:
                forger.show(datagram.data)
                flooding.set()
            return pass_on(datagram)

        async def flood() -> None:
            await flooding.wait()
            begin, sent = asyncio.get_running_loop().time(), 0
            while sent < FORGED * SECONDS:
                elapsed = asyncio.get_running_loop().time() - begin
                for _ in range(min(due(FORGED, elapsed, sent), BURST)):
                    at.wire.paths[0].inject(Side.ANSWERER, forger.forge()[1])
                    sent += 1
                await asyncio.sleep(0.001)

        at.wire.fate = watch
        coming = expected(at.answerer, "track")
        sender = at.offerer.addTrack(ToneTrack(600))
        await at.connect()
        track = (await within(coming)).track
        flooded = asyncio.create_task(flood())
        await hears(track, 600)
        await flooded
        # Nothing that was heard so far can be taken for this.
        await sender.replaceTrack(ToneTrack(900))
        await hears(track, 900)
