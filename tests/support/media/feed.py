"""Receivers whose encoded frames carry times that a test made, however late the machine is.

The frames are delivered in real time, but stamped with the moment at which they were due: what a
recorder makes of them is the same on a busy machine.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from media.recording.transcode import FrameEncoder
from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp.inbound.receiver import RtpReceiver
from peer.rtp_parameters import MediaKind, ReceiveParameters
from peer.times import UnixTime
from tests.support.clock.virtual_time import run_in_virtual_time
from tests.support.media.stamped import Beeps, NumberedVideo

if TYPE_CHECKING:
    from peer import EncodedFrame

#: Seconds from the capture of a frame to its arrival.
DELAY = 0.03
#: Seconds from the first frame of a track to the first that follows a sender report.
REPORT = 0.5
#: What the sender's wall clock shows when the feed begins.
_BEGAN = 1.7e9


class Feed:
    """Audio and video of one sender: numbered pictures in VP8, and beeps in Opus.

    Args:
        seconds: How long both last.
        late_audio: Seconds without audio at the beginning.
        late_video: Seconds without video at the beginning.

    Attributes:
        video: The pictures, with the moments at which they were captured.
        audio: The beeps, likewise.
        receivers: Audio, video.
        frames: All frames in the order of their arrival, in seconds since the beginning.
    """

    def __init__(self, *, seconds: float, late_audio: float = 0.0, late_video: float = 0.0) -> None:
        self.video = NumberedVideo(after=late_video)
        self.audio = Beeps(after=late_audio)
        self.frames: list[EncodedFrame] = []
        self._begin = 0.0
        self._given = 0
        # Each in a loop of its own, whose time begins anew: both begin at the same moment.
        with ThreadPoolExecutor(1) as thread:
            for track, codec in ((self.video, "VP8"), (self.audio, "opus")):
                making = partial(self._make, track, codec, seconds)
                thread.submit(run_in_virtual_time, making).result()
        self.frames.sort(key=lambda frame: frame.arrival)
        self._inbound = {kind: self._inbound_of(kind) for kind in MediaKind}
        self.receivers = [RtpReceiver(self._inbound[kind]) for kind in MediaKind]

    def begin(self) -> None:
        """Let the time of the feed begin now."""
        self._begin = time.monotonic()

    async def until(self, seconds: float) -> float:
        """Give what is due within so many seconds from the beginning.

        Returns:
            How many seconds have passed.
        """
        while self._given < len(self.frames):
            frame = self.frames[self._given]
            if frame.arrival > seconds:
                break
            arrival = self._begin + frame.arrival
            await asyncio.sleep(max(0.0, arrival - time.monotonic()))
            self._given += 1
            self._inbound[frame.codec.kind].readers.put(replace(frame, arrival=arrival))
        await asyncio.sleep(max(0.0, self._begin + seconds - time.monotonic()))
        # Its readers take what waits within some turns of the loop.
        for _ in range(20):
            await asyncio.sleep(0)
        return self.elapsed()

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._begin

    def kept(self, kind: MediaKind) -> list[EncodedFrame]:
        """The frames of one kind."""
        return [frame for frame in self.frames if frame.codec.kind is kind]

    async def _make(self, track: NumberedVideo | Beeps, codec: str, seconds: float) -> None:
        encoder = FrameEncoder(codec)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < seconds:
            frame = await track.recv()
            captured = loop.time() - began
            reported = loop.time() - track.moments[0] >= REPORT
            for made in encoder.encode(frame, captured + DELAY):
                wall_clock = UnixTime(_BEGAN + captured) if reported else None
                self.frames.append(replace(made, wall_clock=wall_clock))

    def _inbound_of(self, kind: MediaKind) -> InboundRtp:
        inbound = InboundRtp(kind, time.monotonic)
        codec = self.kept(kind)[0].codec
        inbound.parameters = ReceiveParameters(mid=kind.value, codecs=(codec,), extensions=())
        return inbound
