"""A stream receiver behind a lossy link: frames, their order and their delay."""

from __future__ import annotations

import pytest

from peer.rtp.rtcp import Nack, PictureLossIndication
from peer.rtp_parameters import Codec, Feedback, MediaKind
from tests.support.links.lossy_rtp import OPUS, RTX, VP8, Link, Scene, stall

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
LOSSES = [0.01, 0.05, 0.1, 0.2]
SEEDS = [1, 2, 3]
PLI_ONLY = Codec(
    kind=VIDEO,
    name="VP8",
    payload_type=96,
    clock_rate=90_000,
    feedback=(Feedback("nack", "pli"),),
)


def in_order(scene: Scene) -> bool:
    times = [frame.pts for frame in scene.frames]
    return times == sorted(set(times))


def lateness(scene: Scene, since: float) -> float:
    """The longest time from sending to giving, in seconds."""
    return max(
        given - 100.0 - frame.pts / frame.codec.clock_rate
        for frame, given in zip(scene.frames, scene.given, strict=True)
        if given >= since
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("codecs", [(VP8, RTX), (VP8,)], ids=["rtx", "sent again as it was"])
def test_video_survives_loss(loss: float, seed: int, codecs: tuple[Codec, ...]) -> None:
    scene = Scene(VIDEO, seed=seed, codecs=codecs)
    scene.run(2)
    begun = scene.now
    scene.link = Link(loss=loss, delay=0.05)
    scene.run(10)
    assert in_order(scene)
    assert stall(scene, begun, scene.now) < (0.6 if loss < 0.2 else 1.3)
    assert len(scene.frames) > scene.sent_frames * (0.95 if loss < 0.2 else 0.8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [AUDIO, VIDEO])
def test_delay_and_reordering_wait_are_back_ten_seconds_after_loss(
    kind: MediaKind, loss: float
) -> None:
    scene = Scene(kind)
    scene.run(2)
    before = lateness(scene, 100.0), scene.stream_receiver.statistics(scene.now)[0].reordering_wait
    scene.link = Link(loss=loss, jitter=0.05)
    scene.run(10)
    scene.link = Link()
    scene.run(12)
    after = (
        lateness(scene, scene.now - 2),
        scene.stream_receiver.statistics(scene.now)[0].reordering_wait,
    )
    assert after[0] <= before[0] * 1.2
    assert after[1] <= before[1] * 1.2


@pytest.mark.parametrize("loss", LOSSES)
def test_audio_loss_delays_next_packets_by_two_at_most(loss: float) -> None:
    scene = Scene(AUDIO)
    scene.link = Link(loss=loss)
    scene.run(10)
    assert in_order(scene)
    assert lateness(scene, 100.0) < 0.02 + 0.041
    assert (
        sum(frame.gap for frame in scene.frames) == scene.stream_receiver.statistics()[0].gaps > 0
    )
    assert not scene.feedback


@pytest.mark.parametrize("seed", SEEDS)
def test_reordered_packets_are_not_lost_and_rarely_requested(seed: int) -> None:
    scene = Scene(VIDEO, seed=seed)
    scene.run(1)
    scene.link = Link(jitter=0.1)
    scene.run(10)
    assert in_order(scene)
    assert scene.sent_frames - len(scene.frames) <= 5
    assert not scene.sent(PictureLossIndication)
    asked = sum(len(packet.lost) for _, packet in scene.feedback if isinstance(packet, Nack))
    assert asked < scene.sent_packets * 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_reordered_audio_is_waited_for_once_known(seed: int) -> None:
    scene = Scene(AUDIO, seed=seed)
    scene.run(1)
    scene.link = Link(jitter=0.1)
    scene.run(10)
    assert in_order(scene)
    assert scene.stream_receiver.statistics()[0].discarded <= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_video_is_back_one_round_trip_after_outage(seed: int) -> None:
    scene = Scene(VIDEO, seed=seed)
    scene.run(2)
    begun = scene.now
    scene.link = Link(down=(begun + 1, begun + 3))
    scene.run(6)
    assert stall(scene, begun, scene.now) < 2.2
    assert not scene.sent(Nack)
    assert len(scene.sent(PictureLossIndication)) == 1
    assert scene.frames[-1].pts > 7 * 90_000


def test_audio_is_back_at_once_after_outage() -> None:
    scene = Scene(AUDIO)
    scene.run(2)
    begun = scene.now
    scene.link = Link(down=(begun + 1, begun + 3))
    scene.run(6)
    assert stall(scene, begun, scene.now) < 2.05
    assert scene.stream_receiver.statistics()[0].gaps == 1


def test_loss_without_nack_costs_round_trip_and_key_frame() -> None:
    scene = Scene(VIDEO, codecs=(PLI_ONLY,))
    scene.run(2)
    begun = scene.now
    scene.link = Link(down=(begun + 1.0, begun + 1.05))
    scene.run(3)
    assert not scene.sent(Nack)
    assert 0.03 < stall(scene, begun, scene.now) < 0.3


def test_recovered_packets_are_counted() -> None:
    scene = Scene(VIDEO)
    scene.link = Link(loss=0.05)
    scene.run(5)
    media, repairs = scene.stream_receiver.statistics()
    assert repairs.repairs == media.ssrc
    assert media.recovered == media.retransmitted_packets - media.duplicates - media.discarded > 10
    assert media.nack_count == len(scene.sent(Nack)) > 10
    assert repairs.packets == media.retransmitted_packets


def test_audio_with_nack_is_repaired() -> None:
    opus = Codec(
        kind=AUDIO,
        name="opus",
        payload_type=111,
        clock_rate=48_000,
        channels=2,
        feedback=(Feedback("nack"),),
    )
    scenes = [Scene(AUDIO, codecs=(codec,), link=Link(loss=0.1)) for codec in (OPUS, opus)]
    for scene in scenes:
        scene.run(10)
    assert len(scenes[1].frames) > len(scenes[0].frames) * 1.08
