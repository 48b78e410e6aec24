"""Subjects of the benchmark of `peer.compat`: processor time of a set-up by whole descriptions."""

from __future__ import annotations

import asyncio
from time import process_time
from typing import Any

import aiortc

import peer.compat as compat
from benchmarks.setup_subjects import TIMEOUT, StatelessSubject
from peer import PeerConnection


class PlainSetUp(StatelessSubject):
    """Set-up of two connections of ours, each description with all of its candidates."""

    name = "handfast"

    async def measure(self) -> float:
        """Set up and close once, and return the milliseconds of processor time of both ends."""
        offerer, answerer = PeerConnection(), PeerConnection()
        opened = asyncio.Event()
        offerer.createDataChannel("benchmark").on("open", opened.set)
        start = process_time()
        await offerer.setLocalDescription(await offerer.createOffer())
        await offerer.gathering_complete()
        assert offerer.localDescription is not None
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await answerer.gathering_complete()
        assert answerer.localDescription is not None
        await offerer.setRemoteDescription(answerer.localDescription)
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        await asyncio.gather(offerer.close(), answerer.close())
        return (process_time() - start) * 1000


class NamedSetUp(StatelessSubject):
    """Set-up of two connections by the names of aiortc.

    Args:
        name: Name of the subject.
        library: The module with these names.
    """

    def __init__(self, name: str, library: Any) -> None:
        self.name = name
        self._library = library

    async def measure(self) -> float:
        """Set up and close once, and return the milliseconds of processor time of both ends."""
        without = self._library.RTCConfiguration(iceServers=[])
        offerer, answerer = (self._library.RTCPeerConnection(without) for _ in range(2))
        opened = asyncio.Event()
        offerer.createDataChannel("benchmark").on("open", opened.set)
        start = process_time()
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(answerer.localDescription)
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        await asyncio.gather(offerer.close(), answerer.close())
        return (process_time() - start) * 1000


def set_ups() -> list[NamedSetUp | PlainSetUp]:
    """Make the subjects, that of `peer.compat` first."""
    return [NamedSetUp("peer.compat", compat), PlainSetUp(), NamedSetUp("aiortc", aiortc)]
