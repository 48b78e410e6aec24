"""The pacer: bursts, order, bounds and drops."""

from __future__ import annotations

from collections.abc import Sequence

from peer.rtp.congestion import CongestionController, Pacer
from peer.rtp.congestion.pacer import (
    BURST,
    FACTOR,
    PACKET_LIMIT,
    RETRANSMISSION_LIMIT,
    SUSTAINED,
    WAIT_LIMIT,
)
from peer.rtp.sending import OutboundFrame, PacketPriority

SIZE = 1000
TARGET = 800_000
#: Octets a second.
PACE = TARGET * FACTOR / 8


class Source:
    """Writes packets that say whose they are and of which frame."""

    def __init__(self, name: str, *, uses_twcc: bool = True, at_most: int = 10_000) -> None:
        self.name = name
        self.at_most = at_most
        self.uses_twcc = uses_twcc
        self.numbers: list[int] = []
        self.dropped = 0
        self.broken = 0

    def frame(
        self,
        label: int = 0,
        *,
        packets: int = 1,
        priority: PacketPriority = PacketPriority.VIDEO,
        keyframe: bool = False,
    ) -> OutboundFrame:
        return OutboundFrame(
            self,
            [bytes(SIZE)] * packets,
            priority=priority,
            size=packets * SIZE,
            timestamp=label,
            keyframe=keyframe,
        )

    def write_packets(
        self, frame: OutboundFrame, *, transport_sequence_number: int, now: float, room: float
    ) -> list[bytes]:
        written: list[bytes] = []
        while len(written) < self.at_most and len(written) * SIZE <= room:
            if frame.position == len(frame.payloads):
                break
            frame.position += 1
            self.numbers.append(transport_sequence_number + len(written))
            written.append(f"{self.name}{frame.timestamp}".encode().ljust(SIZE))
        return written

    def on_dropped(self, frames: int, *, needs_keyframe: bool) -> None:
        self.dropped += frames
        self.broken += needs_keyframe


class Line:
    """A pacer in virtual time, and what it sent when."""

    def __init__(self, target: int = TARGET, *, at_once: bool = False) -> None:
        self.congestion = CongestionController(initial=target)
        self.bursts: list[int] = []
        self.pacer = Pacer(self.congestion, self._take, self._take_all if at_once else None)
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []

    def _take(self, packet: bytes) -> None:
        self.sent.append((self.now, packet.decode().strip()))

    def _take_all(self, packets: Sequence[bytes]) -> None:
        self.bursts.append(len(packets))
        for packet in packets:
            self._take(packet)

    @property
    def labels(self) -> list[str]:
        return [label for _, label in self.sent]

    def give(self, frame: OutboundFrame) -> None:
        self.pacer.enqueue(frame, self.now)

    def run(self, until: float) -> None:
        while self.pacer.deadline is not None and self.pacer.deadline <= until:
            self.now = max(self.now, self.pacer.deadline)
            self.pacer.advance(self.now)
        self.now = until


def test_packet_within_the_pacing_rate_leaves_without_a_timer() -> None:
    line, source = Line(), Source("v")
    for label in range(20):
        line.now = label * 0.01
        line.give(source.frame(label))
        assert line.pacer.deadline is None
    assert line.labels == [f"v{label}" for label in range(20)]
    assert line.pacer.queued_packets == 0


def test_large_video_frame_is_paced_at_two_and_a_half_times_the_target() -> None:
    line, source = Line(), Source("v")
    line.give(source.frame(packets=60))
    assert 1 <= len(line.sent) <= 1 + PACE * BURST / SIZE
    assert line.pacer.queued_packets == 60 - len(line.sent)
    line.run(10)
    assert len(line.sent) == 60
    took = line.sent[-1][0]
    assert 0.8 * 60 * SIZE / PACE < took < 60 * SIZE / PACE
    assert (line.pacer.deadline, line.pacer.queued_packets) == (None, 0)


def test_pacer_burst_is_at_most_5_ms_of_the_rate() -> None:
    line, source = Line(target=8_000_000), Source("v")
    line.give(source.frame(packets=500))
    line.run(10)
    pace = 8_000_000 * FACTOR / 8
    for begin, _ in line.sent:
        within = sum(begin <= at < begin + BURST * 0.99 for at, _ in line.sent)
        assert within * SIZE <= pace * BURST + SIZE


def test_pacer_sends_a_burst_in_one_call() -> None:
    line, source = Line(target=20_000_000, at_once=True), Source("v")
    line.give(source.frame(1, packets=5))
    line.give(source.frame(2))
    assert line.bursts == [5]
    assert line.labels == ["v1"] * 5 + ["v2"]


def test_pacer_burst_continues_where_a_source_writes_less() -> None:
    line, source = Line(target=20_000_000, at_once=True), Source("v", at_most=2)
    line.give(source.frame(1, packets=5))
    assert line.bursts == [5]
    assert source.numbers == [0, 1, 2, 3, 4]
    assert line.congestion.next_sequence_number == 5


def test_pacer_sets_a_timer_per_burst() -> None:
    line, source = Line(target=20_000_000), Source("v")
    line.give(source.frame(packets=500))
    line.run(10)
    assert len({at for at, _ in line.sent}) < 500 / 20


def test_audio_passes_video_in_the_pacer() -> None:
    line, video, audio = Line(), Source("v"), Source("a")
    line.give(video.frame(packets=60))
    before = len(line.sent)
    line.give(audio.frame(1, priority=PacketPriority.AUDIO))
    assert line.labels[before:] == ["a1"]


def test_audio_counts_toward_the_pacing_rate() -> None:
    line, video, audio = Line(), Source("v"), Source("a")
    line.give(audio.frame(1, packets=20, priority=PacketPriority.AUDIO))
    line.give(video.frame(2))
    assert line.labels == ["a1"] * 20
    line.run(1)
    assert line.sent[-1][1] == "v2"
    assert line.sent[-1][0] > 0.9 * 20 * SIZE / PACE


def test_flood_of_audio_delays_video_by_a_bounded_time() -> None:
    line, video, audio = Line(), Source("v"), Source("a")
    line.give(audio.frame(1, packets=1000, priority=PacketPriority.AUDIO))
    line.give(video.frame(2))
    line.run(0.5)
    assert line.labels[-1] == "v2"


def test_retransmissions_pass_waiting_video() -> None:
    line, video, repairs = Line(), Source("v"), Source("r")
    line.give(video.frame(1, packets=10))
    line.give(video.frame(2))
    line.give(repairs.frame(3, priority=PacketPriority.RETRANSMISSION))
    before = len(line.sent)
    line.run(1)
    assert line.labels[before] == "r3"
    assert line.labels[-1] == "v2"


def test_pacer_assigns_transport_sequence_numbers() -> None:
    line = Line()
    uses_twcc, other = Source("v"), Source("o", uses_twcc=False)
    line.give(uses_twcc.frame())
    line.give(other.frame(priority=PacketPriority.AUDIO))
    line.give(uses_twcc.frame(priority=PacketPriority.AUDIO))
    assert uses_twcc.numbers == [0, 1]
    assert line.congestion.next_sequence_number == 2


def test_stale_frame_is_dropped_with_its_dependents() -> None:
    line, source = Line(target=80_000), Source("v")
    line.give(source.frame(0, packets=40, keyframe=True))
    for label in range(1, 6):
        line.now = label * 0.01
        line.give(source.frame(label))
    line.run(WAIT_LIMIT)
    assert source.dropped == 0
    line.run(WAIT_LIMIT + 0.2)
    assert (source.dropped, source.broken) == (5, 1)
    line.run(60)
    assert line.labels == ["v0"] * 40
    assert line.pacer.dropped_frames == 5


def test_pacer_finishes_a_frame_it_has_begun() -> None:
    line, source = Line(target=80_000), Source("v")
    line.give(source.frame(0, packets=100, keyframe=True))
    line.run(3600)
    assert len(line.sent) == 100
    assert source.dropped == 0


def test_waiting_keyframe_ends_a_drop() -> None:
    line, source = Line(target=80_000), Source("v")
    line.give(source.frame(0, packets=30, keyframe=True))
    line.give(source.frame(1))
    line.give(source.frame(2))
    line.run(0.9)
    line.give(source.frame(3, keyframe=True))
    line.give(source.frame(4))
    line.run(60)
    assert (source.dropped, source.broken) == (2, 0)
    assert line.labels == ["v0"] * 30 + ["v3", "v4"]


def test_drop_leaves_frames_of_other_streams() -> None:
    line, one, other = Line(target=80_000), Source("v"), Source("w")
    line.give(one.frame(0, packets=30))
    line.give(one.frame(1))
    line.run(0.9)
    line.give(other.frame(2))
    line.run(60)
    assert (one.dropped, other.dropped) == (1, 0)
    assert line.labels[-1] == "w2"


def test_pacer_queue_is_bounded() -> None:
    line, source = Line(), Source("v")
    line.give(source.frame(0, packets=10, keyframe=True))
    for label in range(1, 3 * PACKET_LIMIT // 100):
        line.give(source.frame(label, packets=100, keyframe=True))
        assert line.pacer.queued_packets <= PACKET_LIMIT
    assert source.broken == 0
    assert source.dropped > 20


def test_retransmission_queue_is_bounded() -> None:
    line, source = Line(), Source("r")
    for label in range(2 * RETRANSMISSION_LIMIT):
        line.give(source.frame(label, priority=PacketPriority.RETRANSMISSION))
    assert line.pacer.queued_packets == RETRANSMISSION_LIMIT
    assert source.broken == 0


def test_source_of_twice_the_target_is_paced_close_to_it() -> None:
    line, source = Line(), Source("v")
    for tenth in range(300):
        line.run(tenth / 10)
        line.give(source.frame(tenth, packets=2 * TARGET // 80 // SIZE, keyframe=True))
    late = sum(at >= 10 for at, _ in line.sent) * SIZE * 8 / 20
    assert 0.95 * TARGET < late < 1.1 * SUSTAINED * TARGET


def test_discarded_source_leaves_no_frames_in_the_pacer() -> None:
    line, one, other = Line(), Source("v"), Source("w")
    line.give(one.frame(0, packets=30))
    line.give(other.frame(1))
    line.pacer.discard(one)
    assert line.pacer.queued_packets == 1
    line.run(1)
    assert line.labels[-1] == "w1"
    line.give(other.frame(2, packets=30))
    line.pacer.discard(other)
    assert line.pacer.deadline is None
    assert one.dropped == other.dropped == 0


def test_pacer_follows_a_rising_target() -> None:
    line, source = Line(target=80_000), Source("v")
    line.give(source.frame(packets=20))
    line.congestion.on_remb(20_000_000)
    line.run(0.2)
    assert len(line.sent) == 20


def test_pacer_clears_its_deadline_when_all_is_dropped() -> None:
    line, source = Line(target=80_000), Source("v")
    line.give(source.frame(0, packets=60, priority=PacketPriority.AUDIO))
    line.give(source.frame(1))
    line.give(source.frame(2))
    line.now = WAIT_LIMIT + 0.01
    line.pacer.advance(line.now)
    assert (line.pacer.deadline, source.dropped, source.broken) == (None, 2, 1)
    line.now += 1
    line.give(source.frame(3))
    assert line.labels[-1] == "v3"


def test_frame_larger_than_the_pacer_queue_is_sent() -> None:
    line, source = Line(), Source("v")
    line.give(source.frame(0, packets=10))
    line.give(source.frame(1, packets=PACKET_LIMIT + 500))
    line.run(60)
    assert len(line.sent) == PACKET_LIMIT + 510
