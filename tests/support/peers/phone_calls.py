"""Our end of a call with a SIP phone: sound and a small picture, and what comes of both."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from media import SyntheticAudioTrack
from peer import (
    PeerConfiguration,
    PeerConnection,
    PeerError,
    SdpType,
    SessionDescription,
)
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import RemoteInboundRtpStats
from peer.tracing.events import Fanout, HandshakeCompleted
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import direct, expected, local, within
from tests.support.peers.negotiated_session import small_video
from tests.support.peers.sip import SipDialog
from tests.support.rtp.arrivals import ArrivalSink
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from peer import RekeyResult

PhoneT = TypeVar("PhoneT", bound=SipDialog)

#: Seconds between two looks at a counter.
_LOOK = 0.03
#: Seconds in which 20 packets of sound would come.
_SILENCE = 0.4


class PhoneCall(Generic[PhoneT]):
    """Our end of a call with a phone.

    Args:
        phone: The phone at the other end.
        configuration: Of our end; it gets a trace.

    Attributes:
        phone: As given.
        pc: Our connection, which sends sound and a picture.
    """

    def __init__(self, phone: PhoneT, configuration: PeerConfiguration | None = None) -> None:
        self.phone = phone
        self._arrivals, self._trace = ArrivalSink(), Sink()
        sinks = Fanout(self._arrivals, self._trace)
        self.pc = PeerConnection(replace(configuration or PeerConfiguration(), trace=sinks))
        self.pc.addTrack(SyntheticAudioTrack())
        self.pc.addTrack(small_video())

    @property
    def handshakes(self) -> int:
        """Count the handshakes so far."""
        return len(self._trace.all(HandshakeCompleted))

    async def described(self) -> str:
        """Make the description that is due, and wait for its candidates."""
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        return local(self.pc).sdp

    async def offer(self) -> str:
        """Offer, apply the phone's answer, and return it."""
        answer = await self.phone.invite(await self.described())
        await self.pc.setRemoteDescription(SessionDescription(type=SdpType.ANSWER, sdp=answer))
        return answer

    async def answer(self) -> str:
        """Answer the next offer of the phone, and return that offer."""
        offer: str = await within(self.phone.calls.get())
        try:
            await self.pc.setRemoteDescription(SessionDescription(type=SdpType.OFFER, sdp=offer))
        except PeerError:
            self.phone.refuse()
            raise
        self.phone.accept(await self.described())
        return offer

    async def rekey(self) -> RekeyResult:
        """Request a rekey, and make the offer that it needs."""
        needed = expected(self.pc, "negotiationneeded")
        rekeying = asyncio.create_task(self.pc.rekey())
        await within(needed)
        await self.offer()
        result: RekeyResult = await within(rekeying)
        return result

    async def flow(self, count: int = 5, *, kinds: Collection[str] = ("audio", "video")) -> None:
        """Wait for more packets from the phone, of each kind.

        Raises:
            TimeoutError: They do not come.
        """
        await self._more(self.received, count, kinds)

    async def heard(self, count: int = 5, *, kinds: Collection[str] = ("audio", "video")) -> None:
        """Wait until the phone reports that it has got more packets, of each kind.

        Raises:
            TimeoutError: It does not.
        """
        await self._more(self.reported, count, kinds)

    async def hold(self) -> int:
        """Hold the call and resume it; return how many packets came while it was held."""
        direct(self.pc, "inactive")
        await self.offer()
        came = await self.silence()
        direct(self.pc, "sendrecv")
        await self.offer()
        return came

    async def silence(self) -> int:
        """Count the packets that come where none should."""
        return await self._arrivals.silence(_SILENCE)

    async def received(self) -> dict[str, int]:
        """Count the packets that we have decrypted, by kind."""
        stats = (await self.pc.getStats()).values()
        return _sums(each for each in stats if isinstance(each, InboundRtpStats))

    async def reported(self) -> dict[str, int]:
        """Count the packets that the phone has reported as received, by kind."""
        stats = (await self.pc.getStats()).values()
        return _sums(each for each in stats if isinstance(each, RemoteInboundRtpStats))

    async def _more(
        self, counters: Callable[[], Awaitable[dict[str, int]]], count: int, kinds: Collection[str]
    ) -> None:
        first = await counters()
        async with asyncio.timeout(DEADLINE):
            while True:
                now = await counters()
                if all(now.get(kind, 0) >= first.get(kind, 0) + count for kind in kinds):
                    return
                await asyncio.sleep(_LOOK)


def _sums(streams: Iterable[InboundRtpStats | RemoteInboundRtpStats]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for each in streams:
        sums[each.kind] += each.packetsReceived
    return sums
