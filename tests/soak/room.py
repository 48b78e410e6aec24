"""Owns a room in which everybody is connected to everybody else, over links that lose."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.loss_link import Impairment, LossyLink
from media.sources.file_source import FileSource
from peer import PeerConfiguration, PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peer import RtpReceiver

#: What always befalls the datagrams of each link.
USUAL = Impairment(loss=0.02, reordered=0.01, jitter=0.005)
_TIMEOUT = 30.0
#: Feedback by which a sender would take a process that is slow, as it is traced, for a slow link. A
#: clip cannot be had at a lower rate, so that nothing of it would be sent. Loss is still heeded.
_FEEDBACK = re.compile(
    r"a=(?:rtcp-fb:\S+ (?:transport-cc|goog-remb)|extmap:\S+ \S+transport-wide)[^\r\n]*\r?\n"
)
_CANDIDATES = re.compile(r"a=candidate:[^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class _Half:
    pc: PeerConnection
    link: LossyLink


class Room:
    """A full mesh; each of its people plays a clip, encoded beforehand, to the next two.

    The other two play theirs to them: in each connection media goes one way, as a process in which
    all memory is traced does not keep up with more.

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
        """Who is connected, each pair once: who plays, and to whom."""
        return tuple(pair for pair in self._halves if pair[1] in self.audience(pair[0]))

    def audience(self, name: str) -> tuple[str, ...]:
        """To whom somebody plays, of those who are in the room."""
        place = self.names.index(name)
        following = (*self.names[place + 1 :], *self.names[:place])[: len(self.names) // 2]
        return tuple(other for other in following if other in self.present)

    def receivers(self, host: str, of: str) -> list[RtpReceiver]:
        """What `host` receives from `of`."""
        return self._halves[host, of].pc.getReceivers()

    async def account(self, host: str, of: str) -> str:
        """What came from `of` to `host` since they met, as far as both are there."""
        source, half = self._sources.get(of), self._halves.get((host, of))
        if source is None or half is None:
            return "gone"
        assert source.audio is not None
        assert source.video is not None
        dropped = f"source dropped {source.audio.dropped} sounds, {source.video.dropped} pictures"
        came = [
            f"{each.framesReceived} {each.kind}"
            for each in (await half.pc.getStats()).values()
            if isinstance(each, InboundRtpStats)
        ]
        return f"{dropped}; frames that came since they met: {', '.join(came)}"

    async def join(self, name: str) -> None:
        """Come in; returns when all are connected."""
        self._sources[name] = await FileSource.open(self._clip, loop=True, decode=False)
        players = [other for other in self.present if name in self.audience(other)]
        await asyncio.gather(
            *(self._connect(name, other) for other in self.audience(name)),
            *(self._connect(player, name) for player in players),
        )

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
        async with asyncio.timeout(_TIMEOUT):
            rekeying = asyncio.create_task(left.rekey())
            await needed.wait()
            # The way remains, which leads over the link.
            await _negotiate(left, right, lambda sdp: _CANDIDATES.sub("", sdp))
            result = await rekeying
        left.remove_listener("negotiationneeded", needed.set)
        if not result.changed:
            raise RuntimeError(f"the keys of {pair} did not change: {result.reason}")

    def impair(self, pair: tuple[str, str], trouble: Impairment) -> None:
        """Apply an impairment to the link of a pair from now on."""
        self._halves[pair].link.impair(trouble)

    async def _connect(self, player: str, listener: str) -> None:
        self._links += 1
        link = LossyLink(self._links).__enter__()
        link.impair(USUAL)
        configuration = PeerConfiguration(interfaces=("127.0.0.1",))
        left, right = PeerConnection(configuration), PeerConnection(configuration)
        # Known before they are connected, so that whoever leaves meanwhile closes them.
        self._halves[player, listener] = _Half(left, link)
        self._halves[listener, player] = _Half(right, link)
        source = self._sources[player]
        assert source.audio is not None
        assert source.video is not None
        left.addTrack(source.audio)
        left.addTrack(source.video)
        await _negotiate(left, right, link.rerouted)
        async with asyncio.timeout(_TIMEOUT):
            await asyncio.gather(left.connected(), right.connected())


async def _negotiate(
    left: PeerConnection, right: PeerConnection, changed: Callable[[str], str]
) -> None:
    await left.setLocalDescription()
    offer = left.localDescription
    assert offer is not None
    await right.setRemoteDescription(replace(offer, sdp=_FEEDBACK.sub("", changed(offer.sdp))))
    await right.setLocalDescription()
    answer = right.localDescription
    assert answer is not None
    await left.setRemoteDescription(replace(answer, sdp=_FEEDBACK.sub("", changed(answer.sdp))))
