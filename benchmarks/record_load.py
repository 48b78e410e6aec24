"""Load of the recording benchmark: video and audio in real time, with sender reports."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.rtp_load import LoadEnd
from benchmarks.rtp_streams import AUDIO, PICTURES, SOUNDS, VIDEO
from peer.rtp.rtcp import SenderReport, to_ntp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rtp_load import Stream
    from benchmarks.rtp_streams import Media, Payloads

#: Seconds between two sender reports (ours).
_REPORTS = 1.0


@dataclass(slots=True)
class _Playing:
    media: Media
    per_second: int
    stream: Stream
    clip: Sequence[Payloads]
    place: int = 0
    number: int = 0
    packets: int = 0
    octets: int = 0
    reported: float = field(default=-_REPORTS)

    @property
    def due(self) -> float:
        """Seconds from the begin until the next frame is due."""
        return self.number / self.per_second

    @property
    def timestamp(self) -> int:
        return self.number * (self.media.clock_rate // self.per_second)


class Caller:
    """Caller that sends video and audio encoded beforehand.

    Args:
        pictures: Video frames, sent in a loop; the first is a key frame.
        sounds: Audio frames, sent in a loop.
    """

    def __init__(self, pictures: Sequence[Payloads], sounds: Sequence[Payloads]) -> None:
        self.end = LoadEnd([VIDEO, AUDIO], sends=True)
        video, audio = self.end.streams
        self._pictures = _Playing(VIDEO, PICTURES, video, pictures)
        self._sounds = _Playing(AUDIO, SOUNDS, audio, sounds)
        self._heeded = 0

    async def play(self, seconds: float) -> None:
        """Send video and audio for this duration in real time."""
        start, unix = time.perf_counter(), time.time()
        while True:
            playing = min(self._pictures, self._sounds, key=lambda each: each.due)
            due = playing.due
            if due >= seconds:
                return
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            if self.end.keyframes_wanted > self._heeded:
                # The clip begins with one.
                self._heeded = self.end.keyframes_wanted
                self._pictures.place = 0
            self._send(playing, unix + due)

    def _send(self, playing: _Playing, unix: float) -> None:
        payloads = playing.clip[playing.place % len(playing.clip)]
        for packet in playing.stream.packets(payloads, playing.timestamp):
            self.end.send(packet)
        playing.packets += len(payloads)
        playing.octets += sum(map(len, payloads))
        if playing.due >= playing.reported + _REPORTS:
            playing.reported = playing.due
            ssrc, at = playing.stream.ssrc, to_ntp(unix)
            self.end.report(
                SenderReport(ssrc, at, playing.timestamp, playing.packets, playing.octets)
            )
        playing.place += 1
        playing.number += 1
