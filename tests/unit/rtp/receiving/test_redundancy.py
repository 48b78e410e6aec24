"""Lost audio packets that come back as copies in RED packets (RFC 2198), and comfort noise."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from peer.rtp.formats.red import RedWriter
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.redundancy import ArrivedPacket, places
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters
from tests.support.links.lossy_rtp import OPUS, RED

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

AUDIO = MediaKind.AUDIO
PCMU = Codec(kind=AUDIO, name="PCMU", payload_type=0, clock_rate=8_000, channels=1)
NOISE = Codec(kind=AUDIO, name="CN", payload_type=13, clock_rate=8_000, channels=1)
#: Sequence number and timestamp of the first packet: both wrap soon.
FIRST, BEGIN = 65_500, (1 << 32) - 20_000


@dataclass
class Receiving:
    """A receiver of packets of 20 ms, and the frames that it gave with their times."""

    codecs: tuple[Codec, ...] = (OPUS, RED)
    frames: list[EncodedFrame] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    now: float = 100.0
    interval: float = 0.02

    def __post_init__(self) -> None:
        self.receiver = RtpStreamReceiver(
            AUDIO, on_frame=self._on_frame, on_feedback=lambda packets: None
        )
        self.receiver.configure(
            ReceiveParameters(mid="0", codecs=self.codecs, extensions=()), rtcp_ssrc=1
        )

    def _on_frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.given.append(self.now)

    def receive(
        self,
        number: int,
        payload: bytes,
        *,
        payload_type: int = 63,
        ticks: int = 960,
        timestamp: int | None = None,
    ) -> None:
        """Let time pass up to a packet, and take it."""
        due = 100.0 + number * self.interval
        while (deadline := self.receiver.deadline) is not None and deadline < due:
            self.now = deadline
            self.receiver.advance(deadline)
        self.now = due
        packet = RtpPacket(
            payload_type=payload_type,
            sequence_number=(FIRST + number) % 65_536,
            timestamp=(BEGIN + number * ticks if timestamp is None else timestamp) % (1 << 32),
            ssrc=7,
            payload=payload,
        )
        self.receiver.receive(packet, {}, due)


def stream(count: int, *, copies: int = 1) -> list[bytes]:
    writer = RedWriter(111, limit=1200, copies=copies)
    return [writer.write(b"sound %d" % number, BEGIN + number * 960) for number in range(count)]


def sounds(receiving: Receiving) -> list[int]:
    """The numbers of the packets whose sound was given."""
    return [int(frame.payload.split()[1]) for frame in receiving.frames]


def test_single_losses_come_back_in_their_place_without_a_gap_or_a_wait() -> None:
    receiving, lost = Receiving(), {3, 7, 40, 42}
    for number, payload in enumerate(stream(60)):
        if number not in lost:
            receiving.receive(number, payload)
    assert sounds(receiving) == list(range(60))
    assert not any(frame.gap for frame in receiving.frames)
    assert {frame.codec for frame in receiving.frames} == {OPUS}
    assert [frame.pts for frame in receiving.frames] == [number * 960 for number in range(60)]
    for number, given in zip(sounds(receiving), receiving.given, strict=True):
        # The next packet brings it: nothing waits for a packet that may come out of order.
        assert given == pytest.approx(100.0 + (number + (number in lost)) * 0.02)
    (statistics,) = receiving.receiver.statistics()
    assert (statistics.recovered, statistics.gaps, statistics.lost) == (4, 0, 4)


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
def test_only_runs_longer_than_the_copies_are_lost(copies: int, loss: float) -> None:
    receiving, chances = Receiving(), random.Random(f"{copies}{loss}")
    lost = [number > 0 and chances.random() < loss for number in range(1_000)]
    lost[-4:] = [False] * 4
    for number, payload in enumerate(stream(1_000, copies=copies)):
        if not lost[number]:
            receiving.receive(number, payload)
    expected = [number for number in range(1_000) if not all(lost[number : number + copies + 1])]
    assert sounds(receiving) == expected
    after_gaps = [
        n for n, frame in zip(sounds(receiving), receiving.frames, strict=True) if frame.gap
    ]
    assert after_gaps == [b for a, b in itertools.pairwise(expected) if b > a + 1]


def test_packet_that_comes_after_its_copy_is_dropped() -> None:
    receiving, payloads = Receiving(), stream(6)
    for number in (0, 1, 3, 2, 4, 5):
        receiving.receive(number, payloads[number])
    assert sounds(receiving) == list(range(6))


def test_copy_two_packets_back_is_placed_by_its_time() -> None:
    # Packet 11 is not given up before packet 13, which brings it.
    receiving = Receiving(interval=0.018)
    for number in range(20):
        copy = b"s %d" % max(0, number - 2)
        header = bytes((0x80 | 111,)) + (1920 << 10 | len(copy)).to_bytes(3, "big") + b"\x6f"
        if number not in (10, 11):
            receiving.receive(number, header + copy + b"s %d" % number)
    assert sounds(receiving) == list(range(20))


P = ArrivedPacket
#: The packet itself.
NOW = P(0, 0)


@pytest.mark.parametrize(
    ("ages", "arrived", "expected"),
    [
        ([960], [P(2, 1920), NOW], [1]),
        ([1920], [P(3, 2880), NOW], [2]),
        ([1920, 960], [P(2, 1920), NOW], [None, 1]),
        ([2880, 1920, 960], [P(3, 2880), NOW], [None, 2, 1]),
        ([960], [P(1, 960), NOW], [None]),
        # Another packet after the loss is here.
        ([1920, 960], [P(3, 2880), P(1, 960), NOW], [2, None]),
        # After silence that was not sent, and packets of 10 ms after some of 20.
        ([960], [P(3, 30_001), NOW], [1]),
        ([1440, 480], [P(3, 3001), NOW], [2, 1]),
        ([1440, 480], [P(2, 3001), NOW], [None, 1]),
        # Packets that only pad have the time of the sound before them.
        ([960], [P(4, 1920), P(2, 960, sounds=False), NOW], [3]),
        ([960], [P(5, 1920), P(4, 1920, sounds=False), P(2, 960, sounds=False), NOW], [3]),
        ([960], [P(3, 960), P(1, 960, sounds=False), NOW], [None]),
        ([0, 5], [P(2, 11), NOW], [None, 1]),
        ([960], [P(4, 0), NOW], [None]),
        ([1 << 13], [P(2, 1 << 31), NOW], [1]),
        ([], [P(2, 1920), NOW], []),
    ],
)
def test_places_of_copies(
    ages: list[int], arrived: list[ArrivedPacket], expected: list[int | None]
) -> None:
    assert places(ages, arrived) == expected


def test_sound_comes_back_from_between_packets_that_only_pad() -> None:
    receiving, chances = Receiving(interval=0.005), random.Random(5)
    writer, sent, lost = RedWriter(111, limit=1200), 0, set()
    for number in range(600):
        if number % 4:
            # As libwebrtc probes: of the time of the sound before.
            payload, ticks = b"", sent - 1
        else:
            payload, ticks = writer.write(b"sound %d" % sent, BEGIN + sent * 960), sent
            sent += 1
        if number in (0, 599) or chances.random() > 0.1:
            receiving.receive(number, payload, timestamp=BEGIN + ticks * 960)
        elif payload:
            lost.add(sent - 1)
    alone = {number for number in lost if number + 1 not in lost and number != sent - 1}
    assert len(alone) > 8
    assert alone <= set(sounds(receiving))
    assert sounds(receiving) == sorted(set(sounds(receiving)))
    assert [frame.pts for frame in receiving.frames] == [n * 960 for n in sounds(receiving)]


@pytest.mark.parametrize(
    "payload",
    [b"\xef\x00\x00", b"\xbf\x0f\x00\x01\x6fab", b"\x3fnested", b"\x60of no agreed type"],
    ids=["cut off", "a copy that is RED", "RED in RED", "unknown type"],
)
def test_malformed_red_is_counted_and_dropped(payload: bytes) -> None:
    receiving, payloads = Receiving(), stream(6)
    for number in (0, 1):
        receiving.receive(number, payloads[number])
    receiving.receive(2, payload)
    assert receiving.receiver.statistics()[0].malformed == 1
    for number in (3, 4, 5):
        receiving.receive(number, payloads[number])
    assert sounds(receiving) == list(range(6))


@pytest.mark.parametrize("payload", [b"", b"\x6f"])
def test_red_packet_that_only_pads_is_no_loss(payload: bytes) -> None:
    receiving = Receiving()
    for number, red in enumerate(stream(9)):
        receiving.receive(number, payload if number in (4, 5) else red)
    assert sounds(receiving) == [0, 1, 2, 3, 6, 7, 8]
    assert not any(frame.gap for frame in receiving.frames)
    statistics = receiving.receiver.statistics()[0]
    assert (statistics.malformed, statistics.lost) == (0, 0)


def test_malformed_red_before_any_packet_makes_no_stream() -> None:
    receiving = Receiving()
    receiving.receive(0, b"\xef")
    assert (receiving.receiver.ssrc, receiving.receiver.unexpected_packets) == (None, 1)


def test_red_and_plain_packets_may_follow_each_other() -> None:
    receiving = Receiving()
    for number, payload in enumerate(stream(12)):
        if number % 3 == 2:
            receiving.receive(number, b"sound %d" % number, payload_type=111)
        else:
            receiving.receive(number, payload)
    assert sounds(receiving) == list(range(12))
    assert not any(frame.gap for frame in receiving.frames)


def test_octets_of_copies_count_as_received() -> None:
    receiving, payloads = Receiving(), stream(10)
    for number, payload in enumerate(payloads):
        receiving.receive(number, payload)
    assert receiving.receiver.statistics()[0].bytes == sum(map(len, payloads))


def test_comfort_noise_is_silence_and_no_loss() -> None:
    receiving = Receiving((PCMU, NOISE))
    for number in range(12):
        if 4 <= number < 8:
            receiving.receive(number, b"\x40", payload_type=13, ticks=160)
        else:
            receiving.receive(number, b"s %d" % number, payload_type=0, ticks=160)
    assert sounds(receiving) == [0, 1, 2, 3, 8, 9, 10, 11]
    assert not any(frame.gap for frame in receiving.frames)
    assert [frame.pts for frame in receiving.frames][3:5] == [3 * 160, 8 * 160]
    assert receiving.receiver.statistics()[0].lost == 0
