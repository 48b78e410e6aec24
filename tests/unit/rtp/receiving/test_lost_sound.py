"""Sound that is lost and asked for again (NACK, RFC 4585), in time or not, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.rtp.formats.red import RedWriter
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.nack import NackTracker
from peer.rtp.receiving.ssrc_receiver import AUDIO_WAIT, PLAYED_NACK_WAIT
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import Nack, RtcpPacket
from peer.rtp_parameters import Codec, Feedback, MediaKind, ReceiveParameters
from tests.support.links.lossy_rtp import OPUS, RED, Link, Scene

AUDIO = MediaKind.AUDIO
REPAIRED = replace(OPUS, feedback=(Feedback("nack"),))
PCMU = Codec(
    kind=AUDIO, name="PCMU", payload_type=0, clock_rate=8_000, feedback=(Feedback("nack"),)
)
#: Sequence number of the first packet: it wraps soon.
FIRST = 65_530
#: Wideband of Opus of 20 ms, with a copy of the packet before and without.
WITH_COPY, WITHOUT_COPY = b"\x48\x40", b"\x48\x80"
TRIPS = [0.004, 0.02, 0.04, 0.1]


def scene(codec: Codec = REPAIRED, *, trip: float = 0.04, played: bool = True) -> Scene:
    return Scene(AUDIO, codecs=(codec,), link=Link(delay=trip / 2), played=played)


def lose_one(scene: Scene) -> float:
    """Lose the next packet; return when it was to be sent."""
    lost_at = scene.now + 0.02
    scene.link.down = (lost_at - 0.001, lost_at + 0.001)
    scene.run(1.0)
    return lost_at


def lateness(scene: Scene, since: float) -> float:
    """The longest time from sending to giving, in seconds, of packets given since then."""
    return max(
        given - 100.0 - frame.pts / frame.codec.clock_rate
        for frame, given in zip(scene.frames, scene.given, strict=True)
        if given >= since
    )


def asked(scene: Scene) -> list[int]:
    """The sequence numbers that were asked for, in the order of the requests."""
    return [n for _, each in scene.feedback if isinstance(each, Nack) for n in each.lost]


@pytest.mark.parametrize("codec", [REPAIRED, PCMU], ids=["opus", "PCMU"])
@pytest.mark.parametrize("played", [True, False])
def test_lost_packet_of_sound_is_asked_for_and_given_in_its_turn(
    codec: Codec, *, played: bool
) -> None:
    call = scene(codec, played=played)
    call.run(1.0)
    lost_at = lose_one(call)
    # The next packet shows it 40 ms after it was sent; its answer takes a round trip.
    (asked_at,) = call.sent(Nack)
    assert asked_at == pytest.approx(lost_at + 0.02 + 0.02)
    assert len(call.frames) >= call.sent_frames - 1
    assert not any(frame.gap for frame in call.frames)
    assert lateness(call, since=lost_at) == pytest.approx(0.02 + 0.02 + 0.04)


def test_nothing_is_asked_for_where_the_peer_has_no_nack() -> None:
    call = scene(OPUS)
    call.run(1.0)
    lose_one(call)
    assert not call.feedback
    assert sum(frame.gap for frame in call.frames) == 1


@pytest.mark.parametrize(
    ("trip", "played", "expected"),
    [(0.1, True, 1), (0.15, True, 0), (0.15, False, 1), (0.25, False, 0)],
)
def test_sound_is_asked_for_only_where_its_answer_comes_in_time(
    trip: float, expected: int, *, played: bool
) -> None:
    call = scene(trip=trip, played=played)
    call.run(1.0)
    call.stream_receiver.set_round_trip_time(trip)
    lost_at = lose_one(call)
    assert len(asked(call)) == expected
    assert sum(frame.gap for frame in call.frames) == 1 - expected
    # What follows waits for an answer, or else only for a packet out of order.
    after = next(at for at in call.given if at > lost_at + trip / 2)
    waited = after - (lost_at + 0.02 + trip / 2)
    assert waited == pytest.approx(trip if expected else AUDIO_WAIT[0])


def test_packet_whose_answer_would_be_late_is_not_asked_for_again() -> None:
    tracker = NackTracker(enabled=True)
    tracker.set_round_trip_time(0.1)
    tracker.patience = 0.25
    tracker.add(first=7, end=8, now=1.0)
    requests = []
    while tracker.due < float("inf"):
        requests.append((now := tracker.due, tracker.take_due(now)))
    assert [numbers for _, numbers in requests] == [(7,), (7,), ()]
    assert requests[1][0] + 0.1 <= 1.25 < requests[2][0] + 0.1


@pytest.mark.parametrize("trip", TRIPS)
def test_a_tenth_of_sound_lost_both_ways_comes_back_and_the_round_trip_is_learnt(
    trip: float,
) -> None:
    call = scene(PCMU, trip=trip)
    call.link.loss = 0.1
    call.run(30.0)
    # In the 200 ms that listeners wait there is time for two round trips of 40 ms, for one of 100.
    missing = call.sent_frames - len(call.frames)
    assert missing < (0.005 if trip < 0.1 else 0.025) * call.sent_frames
    assert len(asked(call)) < 0.15 * call.sent_packets
    call.link.loss = 0.0
    call.run(10.0)
    lost_at = lose_one(call)
    assert len([at for at in call.sent(Nack) if at > lost_at]) == 1
    # What follows waits for the answer, and no longer.
    assert lateness(call, since=lost_at) == pytest.approx(0.02 + 1.5 * trip)


@pytest.mark.parametrize("jitter", [0.03, 0.1])
def test_late_sound_is_rarely_asked_for_though_answers_look_like_it(jitter: float) -> None:
    call = scene(PCMU)
    call.link.jitter = jitter
    call.run(30.0)
    assert len(asked(call)) < 0.005 * call.sent_packets
    assert call.sent_frames - len(call.frames) < 0.005 * call.sent_frames + 10


def test_sound_is_asked_for_again_some_time_after_the_path_became_shorter() -> None:
    call = scene(PCMU, trip=0.5)
    call.link.loss = 0.1
    call.run(30.0)
    in_vain = len(asked(call))
    assert in_vain < 0.02 * call.sent_packets
    call.link.delay = 0.02
    call.run(5.0)
    given, sent = len(call.frames), call.sent_frames
    call.run(30.0)
    assert call.sent_frames - sent - (len(call.frames) - given) < 0.02 * (call.sent_frames - sent)


class Listener:
    """A receiver of packets of 20 ms, and what it asks for."""

    def __init__(self, *codecs: Codec, played: bool = True) -> None:
        self.given: list[bytes] = []
        self.asked: list[int] = []
        self.now = 100.0
        self.receiver = RtpStreamReceiver(
            AUDIO,
            on_frame=lambda frame: self.given.append(frame.payload),
            on_feedback=self._on_feedback,
            is_played=lambda: played,
        )
        self.receiver.configure(
            ReceiveParameters(mid="0", codecs=codecs, extensions=()), rtcp_ssrc=1
        )

    def _on_feedback(self, packets: tuple[RtcpPacket, ...]) -> None:
        for packet in packets:
            assert isinstance(packet, Nack)
            self.asked += [(number - FIRST) % 65_536 for number in packet.lost]

    def receive(self, number: int, payload: bytes, *, payload_type: int = 111) -> None:
        self.wait(until=max(self.now, 100.0 + number * 0.02))
        packet = RtpPacket(
            payload_type=payload_type,
            sequence_number=(FIRST + number) % 65_536,
            timestamp=number * 960,
            ssrc=7,
            payload=payload,
        )
        self.receiver.receive(packet, {}, self.now)

    def wait(self, *, until: float) -> None:
        while (deadline := self.receiver.deadline) is not None and deadline < until:
            self.receiver.advance(deadline)
        self.now = until


@pytest.mark.parametrize(("lost", "expected"), [({5}, []), ({5, 6}, [5]), ({5, 6, 7}, [5, 6])])
def test_packets_that_redundant_audio_brings_back_are_not_asked_for(
    lost: set[int], expected: list[int]
) -> None:
    listener, writer = Listener(REPAIRED, RED), RedWriter(111, limit=1200)
    for number in range(10):
        payload = writer.write(b"\xfc%d" % number, number * 960)
        if number not in lost:
            listener.receive(number, payload, payload_type=63)
    assert sorted(set(listener.asked)) == expected


def test_copy_of_a_lost_packet_is_enough_for_listeners() -> None:
    listener = Listener(REPAIRED)
    for number in (0, 1, 3, 4):
        listener.receive(number, WITH_COPY + bytes((number,)))
    assert listener.asked == []
    # No longer than for a packet out of order.
    assert [payload[-1] for payload in listener.given] == [0, 1, 3, 4]


@pytest.mark.parametrize(
    ("codec", "payload", "played"),
    [(REPAIRED, WITH_COPY, False), (REPAIRED, WITHOUT_COPY, True), (PCMU, WITH_COPY, True)],
    ids=["not played", "no copy", "another codec"],
)
def test_lost_packet_is_asked_for_where_no_copy_serves(
    codec: Codec, payload: bytes, *, played: bool
) -> None:
    listener = Listener(codec, played=played)
    for number in (0, 1, 3):
        listener.receive(number, payload, payload_type=codec.payload_type)
    assert listener.asked == [2]
    assert len(listener.given) == 2


def test_first_of_two_lost_packets_is_asked_for_and_the_second_left_to_its_copy() -> None:
    listener = Listener(REPAIRED)
    for number in (0, 1, 4):
        listener.receive(number, WITH_COPY + bytes((number,)))
    assert listener.asked == [2]
    # Nothing waits for the second once the first is here.
    listener.wait(until=listener.now + 0.04)
    listener.receive(2, WITH_COPY + b"\x02")
    assert [payload[-1] for payload in listener.given] == [0, 1, 2, 4]


def test_sound_is_given_up_in_bounded_time_where_answers_never_come() -> None:
    listener = Listener(PCMU)
    for number in (0, 1, 3, 4):
        listener.receive(number, b"sound", payload_type=0)
    listener.wait(until=listener.now + PLAYED_NACK_WAIT)
    assert len(listener.given) == 4
    assert set(listener.asked) == {2}
    assert listener.receiver.deadline is None


def test_answers_are_told_from_late_packets_by_a_bounded_memory() -> None:
    tracker = NackTracker(enabled=True)
    tracker.repeats = True
    for number in range(1_000):
        now = 100.0 + number
        tracker.add(first=number, end=number + 1, now=now)
        assert tracker.take_due(now) == (number,)
        tracker.received(number, now + 0.1, retransmitted=None)
    # Those of long ago are forgotten, and teach nothing.
    tracker.received_again(10, 1_100.0)
    assert tracker.round_trip_time == pytest.approx(0.1)
    assert tracker.reordering_wait(1_100.0) == 0.0
    # One of late shows that the packet itself was late, and how long the answer took.
    tracker.received_again(999, 1_099.3)
    assert tracker.round_trip_time > 0.1
    assert tracker.reordering_wait(1_099.3) == 0.1
