"""Subjects of the loss benchmark: a call over a link, both ends ours or both aiortc's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Self

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from peer import PeerConfiguration, PeerConnection

if TYPE_CHECKING:
    from types import TracebackType

    from aiortc.mediastreams import MediaStreamTrack

    from benchmarks.loss_link import LossyLink

#: Seconds until a call counts as broken (ours).
_TIMEOUT = 20.0
#: Bits a second of video: the maximum of aiortc's encoder, to which ours is bounded as well.
_MOST = 1_500_000


class Call(Protocol):
    """A call in one direction; `tracks` are the received ones, by kind."""

    name: str
    tracks: dict[str, MediaStreamTrack]

    def __init__(self, link: LossyLink, sources: list[MediaStreamTrack]) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Handfast:
    """Call between two connections of ours, its video bounded to aiortc's bitrate."""

    name = "handfast"

    def __init__(self, link: LossyLink, sources: list[MediaStreamTrack]) -> None:
        self.tracks: dict[str, MediaStreamTrack] = {}
        self._link = link
        self._sources = sources
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        configuration = PeerConfiguration(interfaces=("127.0.0.1",))
        left = await self._stack.enter_async_context(PeerConnection(configuration))
        right = await self._stack.enter_async_context(PeerConnection(configuration))
        for source in self._sources:
            sender = left.addTrack(source)
            parameters = sender.getParameters()
            parameters.encodings[0].maxBitrate = _MOST if source.kind == "video" else None
            sender.setParameters(parameters)
        await left.setLocalDescription()
        offer = left.localDescription
        assert offer is not None
        await right.setRemoteDescription(replace(offer, sdp=self._link.rerouted(offer.sdp)))
        await right.setLocalDescription()
        answer = right.localDescription
        assert answer is not None
        await left.setRemoteDescription(replace(answer, sdp=self._link.rerouted(answer.sdp)))
        async with asyncio.timeout(_TIMEOUT):
            await asyncio.gather(left.connected(), right.connected())
        self.tracks = {each.track.kind: each.track for each in right.getReceivers()}
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()


class Aiortc:
    """Call between two connections of aiortc's."""

    name = "aiortc"

    def __init__(self, link: LossyLink, sources: list[MediaStreamTrack]) -> None:
        self.tracks: dict[str, MediaStreamTrack] = {}
        self._link = link
        self._sources = sources
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._ends = RTCPeerConnection(configuration), RTCPeerConnection(configuration)

    async def __aenter__(self) -> Self:
        left, right = self._ends
        connected = asyncio.Event()

        def on_change() -> None:
            if left.connectionState == right.connectionState == "connected":
                connected.set()

        for end in self._ends:
            end.on("connectionstatechange", on_change)
        for source in self._sources:
            left.addTrack(source)
        await left.setLocalDescription(await left.createOffer())
        await right.setRemoteDescription(self._rerouted(left))
        await right.setLocalDescription(await right.createAnswer())
        await left.setRemoteDescription(self._rerouted(right))
        async with asyncio.timeout(_TIMEOUT):
            await connected.wait()
        self.tracks = {each.track.kind: each.track for each in right.getReceivers()}
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(end.close() for end in self._ends))

    def _rerouted(self, end: RTCPeerConnection) -> RTCSessionDescription:
        description = end.localDescription
        return RTCSessionDescription(self._link.rerouted(description.sdp), description.type)
