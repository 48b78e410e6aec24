"""Plain RTP without ICE (RFC 5763 6.7.2 and 6.11): the description alone says where it goes."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import AudioStreamTrack

from peer import BestEffort, IcePolicy, MediaEncryption, PeerConnection, SdpType, SessionDescription
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import has_received, packets_received
from tests.support.negotiation.connections import gathered, loopback, until, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.conformance("6.11-best-effort", "6.7.2-latching")

_HOST = "127.0.0.1"
#: Packets after which it counts as certain where a stream goes.
_PACKETS = 10


class PlainPhone(asyncio.DatagramProtocol):
    """A socket that sends sound in clear and counts what comes.

    Attributes:
        received: The datagrams that came to it.
        version: Version in its `o=` line.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.version = 0
        self._number = 0
        self._more = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.append(data)
        self._more.set()

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def offer(self, other: PlainPhone | None = None) -> SessionDescription:
        """Write an offer, of another phone's address where one is given."""
        self.version += 1
        lines = [
            "v=0",
            f"o=phone 1 {self.version} IN IP4 {_HOST}",
            "s=-",
            f"c=IN IP4 {_HOST}",
            "t=0 0",
            f"m=audio {(other or self).port} RTP/AVP 0",
            "a=rtcp-mux",
            "",
        ]
        return SessionDescription("\r\n".join(lines), SdpType.OFFER)

    def speak(self, port: int, packets: int = _PACKETS, *, ssrc: int = 7, first: int = 0) -> None:
        """Send packets of sound to a port of this machine."""
        for number in range(first, first + packets):
            header = bytes([0x80, 0]) + number.to_bytes(2) + (number * 160).to_bytes(4)
            self.transport.sendto(header + ssrc.to_bytes(4) + b"\xff" * 160, (_HOST, port))

    async def hears(self) -> None:
        """Wait until more sound has come."""
        enough = len(self.received) + _PACKETS
        async with asyncio.timeout(DEADLINE):
            while len(self.received) < enough:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def plain_phone() -> AsyncIterator[PlainPhone]:
    loop = asyncio.get_running_loop()
    transport, phone = await loop.create_datagram_endpoint(PlainPhone, local_addr=(_HOST, 0))
    try:
        yield phone
    finally:
        transport.close()


async def answer(pc: PeerConnection, offer: SessionDescription) -> int:
    """Answer a phone, and return the port at which we receive."""
    await pc.setRemoteDescription(offer)
    port = re.search(r"m=audio (\d+) RTP/AVP ", (await gathered(pc)).sdp)
    assert port is not None
    return int(port[1])


def telephone() -> PeerConnection:
    pc = PeerConnection(loopback(best_effort=BestEffort.PLAIN_RTP, ice=IcePolicy.OPTIONAL))
    pc.addTrack(AudioStreamTrack())
    return pc


async def test_plain_media_goes_to_the_described_address_and_comes_from_there_alone() -> None:
    async with plain_phone() as phone, plain_phone() as stranger, telephone() as pc:
        port = await answer(pc, phone.offer())
        await within(pc.connected())
        assert [t.encryption for t in pc.security.transports] == [MediaEncryption.NONE]
        await phone.hears()
        phone.speak(port)
        await has_received(pc, _PACKETS)

        # The same stream goes on from elsewhere, as a media proxy would latch on to.
        stranger.speak(port, first=_PACKETS)
        stranger.speak(port, ssrc=8)
        await phone.hears()
        phone.speak(port, first=2 * _PACKETS)
        await has_received(pc, 2 * _PACKETS)
        await phone.hears()
        assert await packets_received(pc) == 2 * _PACKETS
        assert stranger.received == []
        # Nothing but RTP and RTCP in clear, and no check.
        assert {datagram[0] >> 6 for datagram in phone.received} == {2}


async def test_plain_media_moves_with_the_description() -> None:
    async with plain_phone() as phone, plain_phone() as moved, telephone() as pc:
        port = await answer(pc, phone.offer())
        await within(pc.connected())
        await phone.hears()
        phone.speak(port)
        await has_received(pc, _PACKETS)

        assert await answer(pc, phone.offer(moved)) == port
        await moved.hears()
        await until(lambda: pc.connectionState == "connected")
        before = len(phone.received)
        phone.speak(port, first=_PACKETS)
        moved.speak(port, first=2 * _PACKETS)
        await has_received(pc, 2 * _PACKETS)
        await moved.hears()
        assert await packets_received(pc) == 2 * _PACKETS
        assert len(phone.received) == before
