"""A steady stream of small RTP packets, and the count of those that arrived."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer import PeerConnection

_CLOCK_RATE = 8000


class Clicks(MediaStreamTrack):
    """Track of encoded audio in very small packets.

    Args:
        per_second: How many.
    """

    kind = "audio"

    def __init__(self, per_second: int = 1000) -> None:
        super().__init__()
        self._interval = 1 / per_second
        self._samples = _CLOCK_RATE // per_second
        self._number = 0
        self._start: float | None = None

    async def recv(self) -> Packet[Any]:
        """Wait until the next packet is due, and return it; late ones come at once."""
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        early = self._start + self._number * self._interval - loop.time()
        if early > 0:
            await asyncio.sleep(early)
        if self.readyState != "live":
            raise MediaStreamError
        packet = Packet(bytes(self._samples))
        packet.pts = self._number * self._samples
        packet.time_base = Fraction(1, _CLOCK_RATE)
        self._number += 1
        return packet


@dataclass(frozen=True)
class Account:
    """Fate of the packets of one sender.

    Args:
        received: Duplicates included.
        lost: As the receiver sees it; below 0 where some came twice.
    """

    sent: int
    received: int
    lost: int

    def __sub__(self, other: Account) -> Account:
        return Account(
            self.sent - other.sent, self.received - other.received, self.lost - other.lost
        )


async def add_load(*ends: PeerConnection, per_second: int = 1000) -> None:
    """Let each end send; their negotiation is the caller's."""
    for end in ends:
        transceiver = end.addTransceiver(Clicks(per_second), "sendrecv")
        transceiver.setCodecPreferences(["audio/PCMU"])


async def account(sender: PeerConnection, receiver: PeerConnection) -> Account:
    """Count the packets so far."""
    sent = received = lost = 0
    for stats in (await sender.getStats()).values():
        if isinstance(stats, OutboundRtpStats):
            sent += stats.packetsSent
    for stats in (await receiver.getStats()).values():
        if isinstance(stats, InboundRtpStats):
            received += stats.packetsReceived
            lost += stats.packetsLost
    return Account(sent, received, lost)


async def settled(sender: PeerConnection, receiver: PeerConnection, *, missing: int = 0) -> Account:
    """Stop the sender, and wait until all but some packets have come, or no more come.

    Args:
        sender: Whose packets are counted.
        receiver: Where they arrive.
        missing: How many the link between them has lost; it loses no more.
    """
    # What is lost behind the last packet that came, a receiver cannot know: one more is to come.
    due = (await account(sender, receiver)).sent - missing
    await flowing(sender, receiver, due - (await account(sender, receiver)).received + 1)
    for transceiver in sender.getTransceivers():
        await transceiver.sender.replaceTrack(None)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while True:
        now = await account(sender, receiver)
        if now.received >= now.sent - missing or loop.time() > deadline:
            return now
        await asyncio.sleep(0.01)


async def flowing(sender: PeerConnection, receiver: PeerConnection, packets: int) -> None:
    """Wait until a number of further packets have arrived."""
    goal = (await account(sender, receiver)).received + packets
    async with asyncio.timeout(DEADLINE):
        while (await account(sender, receiver)).received < goal:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)
