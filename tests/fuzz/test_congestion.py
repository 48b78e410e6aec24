"""Feedback, NACKs and numbers that nobody in their right mind would send: all is bounded.

INPUTS says how many; it was run with 100,000.
"""

from __future__ import annotations

import math
import os
import random

import pytest

from peer.rtp import rtcp
from peer.rtp.congestion import CongestionController, Pacer, RembEstimator, Share, TwccRecorder
from peer.rtp.congestion.controller import MAXIMUM_BITRATE, MINIMUM_BITRATE
from peer.rtp.congestion.pacer import PACKET_LIMIT
from peer.rtp.congestion.remb import STREAM_LIMIT
from peer.rtp.congestion.twcc_recorder import SPAN_LIMIT
from peer.rtp.engine.reception_feedback import FEEDBACK_PACKETS
from peer.rtp.levels import AudioLevel
from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import ReceptionReport, TransportFeedback
from peer.rtp.sending import RtpStreamSender
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.rtp.sending import RTX, VP8, audio_parameters, video_parameters

INPUTS = int(os.environ.get("INPUTS", "2000"))

pytestmark = pytest.mark.timeout(300 + INPUTS // 100)


def hostile_feedback(chance: random.Random, latest: int) -> TransportFeedback:
    near = latest - chance.randrange(200) & 0xFFFF
    return TransportFeedback(
        1,
        2,
        chance.randrange(256),
        chance.choice((near, near, chance.randrange(1 << 16))),
        chance.choice((chance.randrange(1000), chance.randrange(-(1 << 23), 1 << 23))),
        tuple(
            chance.choice((None, chance.randrange(400), chance.randrange(-(1 << 20), 1 << 20)))
            for _ in range(chance.choice((1, 20, 300)))
        ),
    )


def due(pacer: Pacer) -> float:
    return math.inf if pacer.deadline is None else pacer.deadline


def test_target_keeps_within_bounds_whatever_the_peer_tells() -> None:
    chance = random.Random(1)
    congestion = CongestionController()
    now = 0.0
    for _ in range(INPUTS):
        now += chance.expovariate(30)
        for _ in range(chance.randrange(3)):
            sizes = [chance.randrange(1, 1500) for _ in range(chance.randrange(1, 4))]
            congestion.on_sent(sizes, now)
        match chance.randrange(12):
            case 0:
                congestion.on_remb(chance.choice((0, 1, 10**6, 1 << 81)))
            case 1:
                congestion.on_loss(chance.choice((0.0, 0.05, 0.5, 1.0)), now=now)
            case 2:
                congestion.on_round_trip(chance.choice((0.0, 0.1, 65536.0)))
            case _:
                congestion.on_feedback(
                    hostile_feedback(chance, congestion.next_sequence_number), now
                )
        assert MINIMUM_BITRATE <= congestion.target <= MAXIMUM_BITRATE
        assert sum(congestion.allocate((Share(), Share(maximum=40_000)))) <= congestion.target


def test_feedback_of_any_numbers_can_be_written() -> None:
    chance = random.Random(2)
    recorder = TwccRecorder(1)
    now, number = 0.0, 0
    told = recorded = 0
    for _ in range(INPUTS):
        now += chance.choice((0.0, chance.expovariate(1000), chance.uniform(0, 20)))
        step = chance.choice((1, 1, 1, 1, 2, -1, -5, chance.randrange(1 << 16)))
        number = number + step & 0xFFFF
        late = now - chance.choice((0.0, 0.0, 0.01, 9.0))
        recorder.record(number, ssrc=5, arrival=late)
        recorded += 1
        if recorded == FEEDBACK_PACKETS or chance.random() < 0.02:
            recorded = 0
            packets = recorder.feedback()
            told += len(packets)
            assert all(len(packet.arrivals) <= SPAN_LIMIT for packet in packets)
            assert all(rtcp.parse(rtcp.write((packet,))) == [packet] for packet in packets)
    assert told


def test_estimate_of_any_packets_can_be_written() -> None:
    chance = random.Random(3)
    estimator = RembEstimator(1)
    now = 0.0
    for _ in range(INPUTS):
        now = max(0.0, now + chance.choice((*[0.0, 0.001, 0.02] * 20, 3.0, 1e7, -1.0)))
        found = estimator.receive(
            ssrc=chance.randrange(1 << 32),
            send_time=chance.randbytes(chance.choice((3, 3, 3, 2))),
            size=chance.randrange(1, 1500),
            arrival=now,
        )
        if found is not None:
            assert len(found.ssrcs) <= STREAM_LIMIT
            assert rtcp.write((found,))
            assert math.isfinite(found.bitrate)


def test_senders_of_anything_make_packets_that_can_be_parsed() -> None:
    chance = random.Random(4)
    congestion = CongestionController()
    sent = 0

    def take(packet: bytes) -> bool:
        nonlocal sent
        RtpPacket.parse(packet)
        sent += 1
        return chance.random() < 0.9

    pacer = Pacer(congestion, take)
    video = RtpStreamSender(MediaKind.VIDEO, video_parameters(), ssrc=1, rtx_ssrc=2)
    audio = RtpStreamSender(MediaKind.AUDIO, audio_parameters(), ssrc=3, rtx_ssrc=4)
    now = 0.0
    for step in range(INPUTS):
        now += chance.expovariate(50)
        if due(pacer) <= now:
            pacer.advance(now)
            assert due(pacer) > now
        match chance.randrange(8):
            case 0 | 1 | 2:
                payloads = [bytes(chance.randrange(1, 1200))] * chance.choice((1, 3, 100))
                frame = video.make_frame(
                    payloads, timestamp=step * 3000, keyframe=chance.random() < 0.1
                )
                if frame is not None:
                    pacer.enqueue(frame, now)
            case 3:
                level = AudioLevel(chance.randrange(128))
                frame = audio.make_frame(
                    [b"x"], timestamp=step, level=level, capture_time=UnixTime(now)
                )
                assert frame is not None
                pacer.enqueue(frame, now)
            case 4 | 5:
                lost = [chance.randrange(1 << 16) for _ in range(chance.randrange(300))]
                for each in video.on_nack(lost, now):
                    pacer.enqueue(each, now)
            case 6:
                numbers = [chance.randrange(1 << 32) for _ in range(2)]
                video.on_report(ReceptionReport(1, 0, 0, 0, 0, *numbers), now)
                assert video.sender_report(now=now, unix_now=UnixTime(now)) is None or sent
                congestion.on_feedback(
                    hostile_feedback(chance, congestion.next_sequence_number), now
                )
            case _:
                video.configure(video_parameters(*chance.choice(((VP8,), (VP8, RTX)))))
        assert pacer.queued_packets <= PACKET_LIMIT + 100
        assert math.isinf(due(pacer)) == (pacer.queued_packets == 0)
    assert sent
