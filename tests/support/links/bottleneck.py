"""Owns a call over a narrow link, in virtual time: sender, pacer, link, receiver and feedback."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from peer.rtp import rtcp
from peer.rtp.congestion import CongestionController, Pacer, Share, TwccRecorder
from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import TransportFeedback
from peer.rtp.sending import RtpStreamSender
from peer.rtp_parameters import MediaKind
from tests.support.rtp.sending import audio_parameters, transport_number, video_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

PAYLOAD = 1100
SOUND = 100
SOUND_INTERVAL = 0.02
SOUND_BITRATE = int(SOUND * 8 / SOUND_INTERVAL)


@dataclass
class Link:
    """One packet after the other, behind a queue that drops what does not fit.

    Args:
        bitrate: Bits a second.
        queue: Seconds that a packet waits at most.
        delay: Seconds on the way, in each direction.
        loss: The part lost at random.
    """

    bitrate: float
    queue: float = 0.3
    delay: float = 0.025
    loss: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    free: float = 0.0
    dropped: int = 0

    def carry(self, size: int, now: float) -> float | None:
        """When a packet arrives; None for never."""
        if self.free - now > self.queue or self.chance.random() < self.loss:
            self.dropped += 1
            return None
        self.free = max(self.free, now) + size * 8 / self.bitrate
        return self.free + self.delay


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen every tenth of a second."""

    at: float
    target: int
    arrived: int
    waiting: float


class NarrowCall:
    """Video that follows its target, and sound, sent over a link.

    Args:
        link: May be changed at any time.
        congestion: Of the sender.
        use: The part of the target that the encoder makes; for example 0 for sound alone.
        most: Bits a second that the encoder makes at most.
        feedback: Whether the receiver gives transport-wide feedback.
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
        self._frames = 0
        self._sounds = 0
        self._deadline: float | None = None
        for tick in (self._make_picture, self._make_sound, self._sample):
            self._at(0.0, tick)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, act = heapq.heappop(self._events)
            act()
            self._watch_pacer()
        self.now = end

    def between(self, begin: float, end: float) -> Iterator[Sample]:
        """The samples of a part of the time."""
        return (sample for sample in self.samples if begin <= sample.at < end)

    def mean_target(self, begin: float, end: float) -> float:
        """Bits a second."""
        targets = [sample.target for sample in self.between(begin, end)]
        return sum(targets) / len(targets)

    def throughput(self, begin: float, end: float) -> float:
        """Bits a second that arrived."""
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

    def _make_picture(self) -> None:
        self._at(self.now + 1 / 30, self._make_picture)
        _, share = self.congestion.allocate((Share(SOUND_BITRATE, SOUND_BITRATE), Share()))
        size = min(share * self.use, self.most) / 30 / 8
        size *= self._chance.uniform(0.7, 1.3) * (3 if self._keyframe else 1)
        if size < 1:
            return
        full, rest = divmod(int(size) + 1, PAYLOAD)
        frame = self.video.make_frame(
            [bytes(PAYLOAD)] * full + [bytes(rest)] * (rest > 0),
            timestamp=self._frames * 3000,
            keyframe=self._keyframe,
            capture_monotonic=self.now,
        )
        self._frames += 1
        self._keyframe = False
        if frame is not None:
            self.pacer.enqueue(frame, self.now)

    def _make_sound(self) -> None:
        self._at(self.now + SOUND_INTERVAL, self._make_sound)
        frame = self.audio.make_frame(
            [bytes(SOUND)], timestamp=self._sounds * 960, capture_monotonic=self.now
        )
        self._sounds += 1
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
        had = self._recorder.deadline
        due = self._recorder.record(transport_number(parsed), ssrc=parsed.ssrc, arrival=self.now)
        if due:
            self._report()
        elif had is None and self._recorder.deadline is not None:
            self._at(self._recorder.deadline, self._report_when_due)

    def _report_when_due(self) -> None:
        if self._recorder.deadline is not None and self.now >= self._recorder.deadline:
            self._report()

    def _report(self) -> None:
        packets = self._recorder.feedback()
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
