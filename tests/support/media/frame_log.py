"""A log of what receivers give, so that a recording is judged by frames and not by the clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from peer import EncodedFrame, RtpReceiver


class FrameLog:
    """Notes every encoded frame of some receivers, which others may read as well.

    Attributes:
        frames: The frames of each kind so far, in the order in which they came.
    """

    def __init__(self) -> None:
        self.frames: dict[MediaKind, list[EncodedFrame]] = defaultdict(list)
        self._changed = asyncio.Condition()

    @property
    def video(self) -> list[EncodedFrame]:
        """The video frames so far, from a key frame on."""
        return self.frames[MediaKind.VIDEO]

    @property
    def audio(self) -> list[EncodedFrame]:
        """The audio packets so far."""
        return self.frames[MediaKind.AUDIO]

    async def more(self, *, video: int = 0, audio: int = 0) -> None:
        """Wait until so many frames more have come of each kind."""
        wanted = len(self.video) + video, len(self.audio) + audio
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(
                lambda: len(self.video) >= wanted[0] and len(self.audio) >= wanted[1]
            )

    async def read(self, receiver: RtpReceiver) -> None:
        """Note the frames of one receiver until it ends."""
        async for frame in receiver.encoded_frames():
            async with self._changed:
                self.frames[receiver.kind].append(frame)
                self._changed.notify_all()


@asynccontextmanager
async def logging_frames(receivers: Iterable[RtpReceiver]) -> AsyncIterator[FrameLog]:
    """Log what receivers give from the beginning of the context to its end."""
    log = FrameLog()
    tasks = [asyncio.create_task(log.read(receiver)) for receiver in receivers]
    try:
        yield log
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
