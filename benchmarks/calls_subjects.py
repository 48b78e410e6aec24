"""Subjects of the benchmark of SIP calls: phones that are called over a link with a delay."""

from __future__ import annotations

import asyncio
import re
import tempfile
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from media import SyntheticAudioTrack
from peer import PeerConnection, SdpType, SessionDescription
from signaling import sip
from tests.support.links.udp_relay import UdpRelay, udp_relay
from tests.support.media.media_edits import only_ipv4
from tests.support.network.free_ports import free_port
from tests.support.network.own_address import own_address
from tests.support.peers.baresip import baresip
from tests.support.peers.sip import HOST, SipDialog

if TYPE_CHECKING:
    from peer import TrackEvent

#: One-way delay of signalling and media, in seconds (ours: 100 ms there and back).
DELAY: Final = 0.05
#: Seconds after which a call counts as broken (ours).
TIMEOUT: Final = 30.0


def _own_address() -> str:
    """Return the address of this machine in its network, from which phones send."""
    try:
        return own_address()
    except OSError:
        return HOST


def _rerouted(sdp: str, relay: UdpRelay) -> str:
    """Name the relay in a description; phones send to its default address, ICE or not."""
    text = relay.rerouted(only_ipv4(sdp))
    found = re.search(r"a=candidate:\S+ 1 \S+ \d+ (\S+) (\d+) typ host", text)
    assert found
    text = re.sub(r"m=audio \d+", f"m=audio {found[2]}", text)
    text = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {found[1]}", text)
    return re.sub(r"a=rtcp:\d+[^\r]*\r\n", "", text)


class CalledPhone(ABC):
    """A phone that accepts calls at once; the caller is ours for each of them."""

    name: str

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._port = 0

    async def __aenter__(self) -> Self:
        self._port = await self._start(self._stack)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @abstractmethod
    async def _start(self, stack: AsyncExitStack) -> int:
        """Start the phone, and return the port at which it takes SIP."""

    async def measure(self) -> float:
        """Call once, and return the milliseconds from INVITE to the first sound."""
        with udp_relay(host=_own_address()) as relay:
            relay.delay = DELAY
            async with asyncio.timeout(TIMEOUT), PeerConnection() as caller:
                return await self._call(caller, relay)

    async def _call(self, caller: PeerConnection, relay: UdpRelay) -> float:
        loop = asyncio.get_running_loop()
        transport, dialog = await loop.create_datagram_endpoint(
            lambda: SipDialog(self._port), local_addr=(HOST, 0)
        )
        heard = asyncio.Event()

        @caller.on("track")
        async def listen(event: TrackEvent) -> None:
            async for _ in event.receiver.encoded_frames():
                heard.set()
                return

        try:
            caller.addTrack(SyntheticAudioTrack())
            await caller.setLocalDescription()
            await caller.gathering_complete()
            offer = caller.localDescription
            assert offer is not None
            start = perf_counter()
            await asyncio.sleep(DELAY)
            answer = await dialog.invite(_rerouted(offer.sdp, relay))
            await asyncio.sleep(DELAY)
            await caller.setRemoteDescription(
                SessionDescription(_rerouted(answer, relay), SdpType.ANSWER)
            )
            await heard.wait()
            taken = perf_counter() - start
            await dialog.bye()
            return 1000 * taken
        finally:
            transport.close()


class Handfast(CalledPhone):
    """A bot of ours."""

    name = "handfast"

    async def _start(self, stack: AsyncExitStack) -> int:
        # It takes calls from anybody; the server that it would call is nobody.
        server = f"sip:{HOST}:{free_port()};transport=udp"
        self._phone = await stack.enter_async_context(
            sip.register(server, "sip:phone@example.org", expires=None)
        )
        self._phone.on("call", self._answer)
        contact = self._phone.contact.rpartition(":")[2]
        return int(contact.partition(">")[0].partition(";")[0])

    async def _answer(self, call: sip.Call) -> None:
        connection = PeerConnection()
        connection.addTrack(SyntheticAudioTrack())
        await call.answer(connection)


class Baresip(CalledPhone):
    """baresip, which plays a tone."""

    name = "baresip"

    async def _start(self, stack: AsyncExitStack) -> int:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        phone = await stack.enter_async_context(baresip(folder))
        await phone.logs("baresip is ready")
        return phone.phone_port
