"""Several encodings of one picture (RFC 8853) are received as one stream, in virtual time."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from peer.rtp.packet import RID, RtpPacket
from peer.rtp.receiving.layer_choice import PATIENCE, PENALTY, STALL
from peer.rtp.receiving.ssrcs import SSRC_LIMIT
from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, ReceiveParameters
from tests.support.rtp.media_packets import VP8
from tests.support.rtp.simulcast import RID_ID, WALL, Encoding, SimulcastCall

LOW, MIDDLE, HIGH = 1, 2, 3
RTX = Codec(
    kind=MediaKind.VIDEO,
    name="rtx",
    payload_type=98,
    clock_rate=90_000,
    parameters=(("apt", str(VP8.payload_type)),),
)
#: Seconds from one picture to the next, and a little for the ticks of the test.
STEP = 1 / 30 + 0.01


def encodings() -> tuple[Encoding, Encoding, Encoding]:
    return (
        Encoding("q", LOW, 320),
        Encoding("h", MIDDLE, 640, packets=2),
        Encoding("f", HIGH, 1280, packets=4),
    )


def call(*changed: Encoding, rate: float = 30.0) -> SimulcastCall:
    return SimulcastCall(*(changed or encodings()), rate=rate)


def is_one_timeline(of: SimulcastCall, rate: float = 30.0) -> bool:
    """Whether presentation times rise, by no more than the time that passed."""
    steps = [
        (two.pts - one.pts, two_at - one_at) for (one_at, one), (two_at, two) in pairwise(of.frames)
    ]
    return all(0 < ticks <= 90_000 * (passed + 1 / rate) for ticks, passed in steps)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_highest_encoding_is_given_whatever_the_order_of_the_rids(order: tuple[int, ...]) -> None:
    sent = call(*(encodings()[index] for index in order))
    sent.run(2)
    assert sent.widths()[-1] == 1280
    assert sent.widths(1001.0) == [1280]
    assert len(sent.since(1001.0)) == pytest.approx(30, abs=1)
    assert is_one_timeline(sent)


def test_higher_encoding_that_begins_later_is_taken_at_its_key_frame() -> None:
    sent = call()
    sent.encodings[HIGH].is_on = False
    sent.run(5)
    assert sent.widths(1001.0) == [640]
    asked = len(sent.plis)
    sent.encodings[HIGH].is_on = True
    sent.run(1)
    assert sent.widths(1005.0 + STEP) == [1280]
    assert is_one_timeline(sent)
    assert len(sent.plis) == asked


def test_key_frame_of_a_higher_encoding_is_requested_where_its_first_was_lost() -> None:
    sent = call()
    sent.encodings[HIGH].passes = lambda number: number > 0
    sent.run(3)
    assert sent.widths(1002.0) == [1280]
    assert [ssrc for _, ssrc in sent.plis] == [HIGH]


def test_lower_encoding_goes_on_where_the_highest_stops() -> None:
    sent = call()
    sent.run(3)
    sent.encodings[HIGH].is_on = False
    sent.run(3)
    (first, *rest) = sent.since(1003.0 + 2 * STEP)
    assert first.keyframe
    assert first.gap
    assert {sent.encodings[each.ssrc].width for each in (first, *rest)} == {640}
    gap = max(two - one for (one, _), (two, _) in pairwise(sent.frames))
    assert gap < STALL[0] + 3 * STEP
    assert is_one_timeline(sent)
    assert [ssrc for _, ssrc in sent.plis] == [MIDDLE]


@pytest.mark.parametrize("rate", [1.0, 2.0, 5.0, 60.0])
def test_slow_pictures_are_no_stall_and_their_end_is_one(rate: float) -> None:
    sent = call(rate=rate)
    sent.run(20)
    assert sent.widths(1000.0 + 3 / rate) == [1280]
    assert sent.plis == []
    sent.encodings[HIGH].is_on = False
    sent.run(10)
    assert sent.widths(sent.now - 2 / rate - 1) == [640]


def test_highest_encoding_that_loses_all_but_some_packets_is_left_for_one_that_is_whole() -> None:
    sent = call()
    sent.run(3)
    sent.encodings[HIGH].passes = lambda number: number % 4 > 0
    sent.run(20)
    assert set(sent.widths(1005.0)) == {640}
    high = [at for at, ssrc in sent.plis if ssrc == HIGH]
    # Bounded: it is asked for a while, then left alone, ever longer.
    assert len(high) < 20
    assert len([at for at in high if at > 1015]) < len([at for at in high if at < 1010])


def test_encoding_that_flaps_is_taken_ever_more_rarely() -> None:
    sent = call()
    sent.run(3)
    for _ in range(15):
        sent.encodings[HIGH].is_on = False
        sent.run(2)
        sent.encodings[HIGH].is_on = True
        sent.run(2)
    keys = [at for at, frame in sent.frames if frame.ssrc == HIGH and frame.keyframe]
    assert sum(two - one > 1 for one, two in pairwise(keys)) < 6
    sent.run(PENALTY[1] + PATIENCE)
    assert sent.widths(sent.now - 1) == [1280]
    assert is_one_timeline(sent)


def test_loss_of_the_given_encoding_is_repaired_and_that_of_others_is_not() -> None:
    sent = call()
    sent.run(2)
    for each in sent.encodings.values():
        each.passes = lambda number: number % 40 > 0
    sent.run(5)
    assert set(sent.nacks) == {HIGH}


def test_outage_of_all_encodings_changes_none() -> None:
    sent = call()
    sent.run(3)
    for each in sent.encodings.values():
        each.passes = lambda _: False
    sent.run(5)
    for each in sent.encodings.values():
        each.passes = lambda _: True
    sent.run(2)
    assert sent.widths(1001.0) == [1280]
    assert {ssrc for _, ssrc in sent.plis} <= {HIGH}


def test_changes_keep_the_times_of_the_senders_clock() -> None:
    sent = call()
    sent.run(2)
    sent.report()
    sent.run(1)
    sent.encodings[HIGH].is_on = False
    sent.run(2)
    sent.report()
    sent.encodings[HIGH].is_on = True
    sent.run(2)
    timed = [frame for frame in sent.since(1002.1) if frame.wall_clock is not None]
    assert {sent.encodings[frame.ssrc].width for frame in timed} == {640, 1280}
    offsets = [(frame.wall_clock or 0) - WALL - frame.pts / 90_000 for frame in timed]
    # A frame of one picture in two encodings is moved by a millisecond each time.
    assert max(offsets) - min(offsets) < 0.005


def test_goodbye_of_the_given_encoding_changes_at_once() -> None:
    sent = call()
    sent.run(3)
    sent.encodings[HIGH].is_on = False
    sent.receiver.goodbye(HIGH)
    sent.run(0.2)
    assert sent.widths(1003.0 + STEP) == [640]


def test_encoding_goes_on_under_another_ssrc_of_its_rid() -> None:
    sent = call()
    sent.run(3)
    former = sent.encodings.pop(HIGH)
    sent.encodings[33] = Encoding("f", 33, 1280, packets=4)
    sent.run(1)
    assert {frame.ssrc for frame in sent.since(1003.0 + STEP)} == {33}
    assert is_one_timeline(sent)
    # Stragglers of the former one change nothing.
    assert former.ssrc not in {frame.ssrc for frame in sent.since(1003.0 + STEP)}


def test_rid_is_remembered_where_later_packets_do_not_say_it() -> None:
    sent = call()
    sent.run(1)
    for each in sent.encodings.values():
        each.says_rid = False
    sent.run(2)
    assert sent.widths(1001.0) == [1280]
    assert len(sent.since(1001.0)) == pytest.approx(60, abs=1)


def test_streams_that_nobody_announced_are_counted_and_left_out() -> None:
    stranger = Encoding("x", 77, 1920, packets=4)
    sent = SimulcastCall(
        *encodings(),
        stranger,
        parameters=ReceiveParameters(
            mid="0",
            codecs=(VP8,),
            extensions=(HeaderExtension(RID_ID, RID),),
            simulcast=("q", "h", "f"),
        ),
    )
    sent.run(2)
    assert 77 not in {frame.ssrc for _, frame in sent.frames}
    assert sent.receiver.other_ssrc_packets >= 4 * 60
    assert len(sent.receiver.statistics()) == 3


def test_encodings_may_be_named_by_ssrcs() -> None:
    sent = SimulcastCall(
        *encodings(),
        parameters=ReceiveParameters(
            mid="0", codecs=(VP8,), extensions=(), simulcast_ssrcs=(LOW, MIDDLE, HIGH)
        ),
    )
    sent.run(2)
    assert sent.widths(1001.0) == [1280]


def test_pause_and_resume_begin_with_any_key_frame() -> None:
    sent = call()
    sent.run(2)
    sent.receiver.pause()
    sent.run(2)
    assert sent.since(1002.0 + STEP) == []
    sent.receiver.resume(sent.now)
    sent.run(2)
    assert sent.widths(1005.0) == [1280]
    assert is_one_timeline(sent)


def test_end_of_simulcast_goes_on_with_the_one_stream_that_comes() -> None:
    sent = call()
    sent.run(2)
    sent.receiver.configure(ReceiveParameters(mid="0", codecs=(VP8,), extensions=()), 9)
    sent.encodings[HIGH].is_on = sent.encodings[MIDDLE].is_on = False
    sent.run(2)
    assert sent.widths(1002.0 + STEP) == [320]
    assert is_one_timeline(sent)


def test_states_of_encodings_are_not_forgotten_for_streams_that_repair() -> None:
    sent = SimulcastCall(
        *encodings(),
        parameters=ReceiveParameters(
            mid="0", codecs=(VP8, RTX), extensions=(), simulcast_ssrcs=(LOW, MIDDLE, HIGH)
        ),
    )
    sent.run(1)
    for ssrc in range(100, 100 + 2 * SSRC_LIMIT):
        stray = RtpPacket(
            payload_type=98, sequence_number=1, timestamp=0, ssrc=ssrc, payload=b"\x00\x00abc"
        )
        sent.receiver.receive(stray, {}, sent.now)
    assert {LOW, MIDDLE, HIGH} <= {each.ssrc for each in sent.receiver.statistics()}


@pytest.mark.parametrize("seed", range(4))
def test_encodings_that_change_names_at_will_are_borne(seed: int) -> None:
    random = Random(seed)
    sent = call()
    for number in range(3000):
        sent.now += random.choice((0.001, 0.02, 0.3))
        packet = RtpPacket(
            payload_type=random.choice((VP8.payload_type, 98)),
            marker=random.random() < 0.5,
            sequence_number=random.choice((number, random.randrange(2**16))) % 2**16,
            timestamp=number * 3000 % 2**32,
            ssrc=random.randrange(6),
            payload=random.choice(
                (b"", b"\x10\x10\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00abc", b"\x00a")
            ),
        )
        rid = random.choice((None, b"q", b"h", b"f", b"x"))
        sent.receiver.receive(packet, {} if rid is None else {RID_ID: rid}, sent.now)
        sent.receiver.advance(sent.now)
        if random.random() < 0.01:
            sent.receiver.goodbye(random.randrange(6))
    assert sent.frames
    assert all(0 <= one.pts < two.pts for (_, one), (_, two) in pairwise(sent.frames))
    assert len(sent.receiver.statistics()) <= SSRC_LIMIT
