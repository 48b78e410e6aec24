"""A Python program in a room that counts the pictures of each other one, and hears their tones."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media import ToneMeter
from signaling import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from peer import MediaStreamTrack
    from signaling import Room, RoomTrackEvent
    from tests.support.browser.media_page import Subject


@dataclass
class CountingBot:
    """A Python program in a room: what it has decoded of each other participant, by name.

    Args:
        room: The room that it is in.
    """

    room: Room
    frames: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    meters: defaultdict[str, ToneMeter] = field(default_factory=lambda: defaultdict(ToneMeter))
    readers: set[asyncio.Task[None]] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_track(self, event: RoomTrackEvent) -> None:
        """Read a track to its end."""
        reader = asyncio.create_task(self._read(event.participant.name, event.track))
        self.readers.add(reader)
        reader.add_done_callback(self.readers.discard)

    def sees(self, name: str) -> bool:
        """Whether a picture of somebody has been decoded."""
        return self.frames[name] > 0

    async def more_frames(self, name: str, number: int = 10) -> None:
        """Wait until further pictures of somebody are decoded."""
        enough = self.frames[name] + number
        while self.frames[name] < enough:
            self.changed.clear()
            await self.changed.wait()

    async def hears(self, name: str, pitch: float, *, within: float) -> None:
        """Wait until somebody's strongest tone is this one.

        Args:
            name: Whose.
            pitch: In Hz.
            within: Hz by which it may be off.
        """
        while (heard := self.meters[name].measure().pitch) is None or abs(heard - pitch) > within:
            self.changed.clear()
            await self.changed.wait()

    async def _read(self, name: str, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                match await track.recv():
                    case AudioFrame() as frame:
                        self.meters[name].hear(frame)
                    case VideoFrame():
                        self.frames[name] += 1
                self.changed.set()


@contextlib.asynccontextmanager
async def counting_bot(
    url: str, *, room: str, name: str, sends: Iterable[Subject]
) -> AsyncIterator[CountingBot]:
    """Let a bot be in the room of a server whose `ws:` address this is."""
    async with join(url, room=room, name=name) as joined:
        bot = CountingBot(joined)
        joined.on("track", bot.on_track)
        for subject in sends:
            joined.publish(subject.track())
        yield bot
