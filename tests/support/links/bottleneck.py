"""A call over a bottleneck link in virtual time: sender, pacer, link, receiver, feedback."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from peer.rtp import rtcp
from peer.rtp.congestion import CongestionController, Pacer, Share, TwccRecorder
from peer.rtp.engine.reception_feedback import FEEDBACK_INTERVAL, FEEDBACK_PACKETS
from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import TransportFeedback
from peer.rtp.sending import RtpStreamSender
from peer.rtp_parameters import MediaKind
from tests.support.rtp.sending import audio_parameters, transport_number, video_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

PAYLOAD = 1100
AUDIO = 100
AUDIO_INTERVAL = 0.02
AUDIO_BITRATE = int(AUDIO * 8 / AUDIO_INTERVAL)


@dataclass
class Link:
    """A link with a drop-tail queue.

    Args:
        bitrate: In bits/s.
        queue: Longest queueing delay in seconds.
        delay: One-way delay in seconds, in each direction.
        loss: Fraction of packets lost at random.
    """

    bitrate: float
    queue: float = 0.3
    delay: float = 0.025
    loss: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    free: float = 0.0
    dropped: int = 0

    def carry(self, size: int, now: float) -> float | None:
        """Return the time when a packet arrives; None where it is lost."""
        if self.free - now > self.queue or self.chance.random() < self.loss:
            self.dropped += 1
            return None
        self.free = max(self.free, now) + size * 8 / self.bitrate
        return self.free + self.delay


@dataclass(frozen=True, slots=True)
class Sample:
    """State of the call, sampled every 100 ms."""

    at: float
    target: int
    arrived: int
    waiting: float


class NarrowCall:
    """Video that follows its target, and audio, sent over a link.

    Args:
        link: Link, which may be changed at any time.
        congestion: Congestion control of the sender.
        use: Part of the target that the video encoder makes; 0 for audio alone.
        most: Highest bitrate of the video encoder in bits/s.
        feedback: Whether the receiver sends transport-wide feedback.
    """

    def __init__(
        self,
        link: Link,
        *,
        congestion: CongestionController | None = None,
        use: float = 1.0,
        most: float = 20_000_000,
        feedback: bool = True,
    ) -> None:
        self.now = 0.0
        self.link = link
        self.congestion = congestion or CongestionController()
        self.use = use
        self.most = most
        self.samples: list[Sample] = []
        self.lost_feedback = 0.0
        self._feedback = feedback
        self._keyframe = True
        self._arrived = 0
        self._chance = random.Random(2)
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.pacer = Pacer(self.congestion, self._carry)
        self.video = RtpStreamSender(
            MediaKind.VIDEO,
            video_parameters(),
            ssrc=1,
            rtx_ssrc=2,
            on_keyframe_needed=self._need_keyframe,
        )
        self.audio = RtpStreamSender(MediaKind.AUDIO, audio_parameters(), ssrc=3, rtx_ssrc=4)
        self._recorder = TwccRecorder(9)
        self._unreported = 0
        self._report_at = 0.0
        self._video_frames = 0
        self._audio_frames = 0
        self._deadline: float | None = None
        for tick in (self._make_video, self._make_audio, self._sample):
            self._at(0.0, tick)

    def run(self, seconds: float) -> None:
        """Advance the virtual time by so many seconds."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, act = heapq.heappop(self._events)
            act()
            self._watch_pacer()
        self.now = end

    def between(self, begin: float, end: float) -> Iterator[Sample]:
        """Return the samples between two times."""
        return (sample for sample in self.samples if begin <= sample.at < end)

    def mean_target(self, begin: float, end: float) -> float:
        """Return the mean target in bits/s."""
        targets = [sample.target for sample in self.between(begin, end)]
        return sum(targets) / len(targets)

    def throughput(self, begin: float, end: float) -> float:
        """Return the received bitrate in bits/s."""
        return 8 * sum(sample.arrived for sample in self.between(begin, end)) / (end - begin)

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), act))

    def _watch_pacer(self) -> None:
        deadline = self.pacer.deadline
        if deadline is not None and deadline != self._deadline:
            self._at(deadline, self._advance)
        self._deadline = deadline

    def _advance(self) -> None:
        if self.pacer.deadline is not None and self.now >= self.pacer.deadline:
            self.pacer.advance(self.now)

    def _need_keyframe(self) -> None:
        self._keyframe = True

    def _make_video(self) -> None:
        self._at(self.now + 1 / 30, self._make_video)
        _, share = self.congestion.allocate((Share(AUDIO_BITRATE, AUDIO_BITRATE), Share()))
        size = min(share * self.use, self.most) / 30 / 8
        size *= self._chance.uniform(0.7, 1.3) * (3 if self._keyframe else 1)
        if size < 1:
            return
        full, rest = divmod(int(size) + 1, PAYLOAD)
        frame = self.video.make_frame(
            [bytes(PAYLOAD)] * full + [bytes(rest)] * (rest > 0),
            timestamp=self._video_frames * 3000,
            keyframe=self._keyframe,
            capture_monotonic=self.now,
        )
        self._video_frames += 1
        self._keyframe = False
        if frame is not None:
            self.pacer.enqueue(frame, self.now)

    def _make_audio(self) -> None:
        self._at(self.now + AUDIO_INTERVAL, self._make_audio)
        frame = self.audio.make_frame(
            [bytes(AUDIO)], timestamp=self._audio_frames * 960, capture_monotonic=self.now
        )
        self._audio_frames += 1
        assert frame is not None
        self.pacer.enqueue(frame, self.now)

    def _carry(self, packet: bytes) -> bool:
        arrival = self.link.carry(len(packet), self.now)
        if arrival is not None:
            self._at(arrival, lambda: self._arrive(packet))
        return True

    def _arrive(self, packet: bytes) -> None:
        self._arrived += len(packet)
        parsed = RtpPacket.parse(packet)
        self._recorder.record(transport_number(parsed), ssrc=parsed.ssrc, arrival=self.now)
        self._unreported += 1
        if self._unreported >= FEEDBACK_PACKETS:
            self._report()
        elif self._unreported == 1:
            self._report_at = self.now + FEEDBACK_INTERVAL
            self._at(self._report_at, self._report_when_due)

    def _report_when_due(self) -> None:
        if self._unreported and self.now >= self._report_at:
            self._report()

    def _report(self) -> None:
        packets = self._recorder.feedback()
        self._unreported = 0
        if not self._feedback or self._chance.random() < self.lost_feedback:
            return
        data = rtcp.write(packets)
        self._at(self.now + self.link.delay, lambda: self._told(data))

    def _told(self, data: bytes) -> None:
        for packet in rtcp.parse(data):
            assert isinstance(packet, TransportFeedback)
            self.congestion.on_feedback(packet, self.now)

    def _sample(self) -> None:
        self._at(self.now + 0.1, self._sample)
        waiting = max(0.0, self.link.free - self.now)
        self.samples.append(Sample(self.now, self.congestion.target, self._arrived, waiting))
        self._arrived = 0
