"""Owns a room in which everybody has a connection to everybody else, over links that lose."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.loss_link import LossyLink, Trouble
from media.sources.file_source import FileSource
from peer import PeerConfiguration, PeerConnection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peer import RtpReceiver

#: What always befalls the datagrams of each link.
USUAL = Trouble(loss=0.02, reordered=0.01, jitter=0.005)
_PATIENCE = 30.0
_CANDIDATES = re.compile(r"a=candidate:[^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class _Half:
    pc: PeerConnection
    link: LossyLink


class Room:
    """A full mesh; each of its people plays a clip, encoded beforehand, to all the others.

    Args:
        clip: What each of them plays.
        names: Of all who may come.
    """

    def __init__(self, clip: Path, names: tuple[str, ...]) -> None:
        self.names = names
        self._clip = clip
        self._links = 0
        self._sources: dict[str, FileSource] = {}
        self._halves: dict[tuple[str, str], _Half] = {}

    @property
    def present(self) -> tuple[str, ...]:
        """Who is in the room."""
        return tuple(name for name in self.names if name in self._sources)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Who is connected, each pair once."""
        return tuple(pair for pair in self._halves if pair[0] < pair[1])

    def receivers(self, host: str, of: str) -> list[RtpReceiver]:
        """What `host` receives from `of`."""
        return self._halves[host, of].pc.getReceivers()

    async def join(self, name: str) -> None:
        """Come in; returns when all are connected."""
        others = self.present
        self._sources[name] = await FileSource.open(self._clip, loop=True, decode=False)
        await asyncio.gather(*(self._connect(*sorted((name, other))) for other in others))

    async def leave(self, name: str) -> None:
        """Go, without a word but that of the connections."""
        self._sources.pop(name).stop()
        gone = [pair for pair in self._halves if name in pair]
        halves = [self._halves.pop(pair) for pair in gone]
        await asyncio.gather(*(half.pc.close() for half in halves))
        for half in halves:
            half.link.__exit__(None, None, None)

    async def rekey(self, pair: tuple[str, str]) -> None:
        """Change the keys of one connection, media going on.

        Raises:
            RuntimeError: They did not change.
        """
        left, right = self._halves[pair].pc, self._halves[pair[::-1]].pc
        needed = asyncio.Event()
        left.on("negotiationneeded", needed.set)
        async with asyncio.timeout(_PATIENCE):
            rekeying = asyncio.create_task(left.rekey())
            await needed.wait()
            # The way remains, which leads over the link.
            await _negotiate(left, right, lambda sdp: _CANDIDATES.sub("", sdp))
            result = await rekeying
        left.remove_listener("negotiationneeded", needed.set)
        if not result.changed:
            raise RuntimeError(f"the keys of {pair} did not change: {result.reason}")

    def befall(self, pair: tuple[str, str], trouble: Trouble) -> None:
        """From now on."""
        self._halves[pair].link.befall(trouble)

    async def _connect(self, one: str, two: str) -> None:
        self._links += 1
        link = LossyLink(self._links).__enter__()
        link.befall(USUAL)
        configuration = PeerConfiguration(interfaces=("127.0.0.1",))
        left, right = PeerConnection(configuration), PeerConnection(configuration)
        # Known before they are connected, so that whoever leaves meanwhile closes them.
        self._halves[one, two] = _Half(left, link)
        self._halves[two, one] = _Half(right, link)
        for pc, name in ((left, one), (right, two)):
            source = self._sources[name]
            assert source.audio is not None
            assert source.video is not None
            pc.addTrack(source.audio)
            pc.addTrack(source.video)
        await _negotiate(left, right, link.rerouted)
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(left.connected(), right.connected())


async def _negotiate(
    left: PeerConnection, right: PeerConnection, changed: Callable[[str], str]
) -> None:
    await left.setLocalDescription()
    offer = left.localDescription
    assert offer is not None
    await right.setRemoteDescription(replace(offer, sdp=changed(offer.sdp)))
    await right.setLocalDescription()
    answer = right.localDescription
    assert answer is not None
    await left.setRemoteDescription(replace(answer, sdp=changed(answer.sdp)))
