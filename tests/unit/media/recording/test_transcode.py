from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from media.recording.containers import Container
from media.recording.events import TranscodingReason
from media.recording.timeline import PlacedFrame
from media.recording.transcode import KEYFRAMES, FrameEncoder, Transcoder, TranscodingPlan
from peer import Codec
from peer.rtp_parameters import MediaKind
from tests.support.media.frames import tone
from tests.support.media.recorded import OPUS, VP8, pictures

H264 = replace(VP8, name="H264")
G711 = Codec(kind=MediaKind.AUDIO, name="PCMU", payload_type=0, clock_rate=8000, channels=1)


@pytest.mark.parametrize(
    ("container", "wanted", "codec", "target"),
    [
        (Container.WEBM, (), VP8, None),
        (Container.WEBM, (), H264, ("VP8", TranscodingReason.CONTAINER)),
        (Container.WEBM, ("vp9",), VP8, ("vp9", TranscodingReason.ASKED)),
        (Container.WEBM, ("vp8",), VP8, None),
        (Container.WEBM, ("VP9",), OPUS, None),
        (Container.MP4, (), VP8, ("H264", TranscodingReason.CONTAINER)),
        (Container.MP4, (), G711, ("opus", TranscodingReason.CONTAINER)),
        (Container.OGG, (), VP8, None),
        (Container.MATROSKA, (), G711, None),
    ],
)
def test_plan_encodes_what_is_asked_for_or_cannot_be_avoided(
    container: Container,
    wanted: tuple[str, ...],
    codec: Codec,
    target: tuple[str, TranscodingReason] | None,
) -> None:
    assert TranscodingPlan(container, wanted).target(codec) == target


def test_plan_for_tracks_that_nobody_encoded() -> None:
    plan = TranscodingPlan(Container.MP4, ["AV1"])
    assert plan.raw_target(MediaKind.VIDEO) == "AV1"
    assert plan.raw_target(MediaKind.AUDIO) == "opus"
    assert TranscodingPlan(Container.OGG, ()).raw_target(MediaKind.VIDEO) is None


def test_pictures_keep_their_places() -> None:
    given = pictures("H264", 3, 90)
    transcoder = Transcoder(given[0].frame.codec, "VP8")
    made = [each for placed in given for each in transcoder.transcode(placed)]
    times = [each.time for each in given]
    # An encoder may leave out pictures; none of them is elsewhere.
    assert {each.time for each in made} <= set(times)
    assert len(made) >= 85
    assert {each.frame.codec.name for each in made} == {"VP8"}
    keyframes = [each.time for each in made if each.frame.keyframe]
    assert keyframes[0] == 3
    assert all(later - earlier <= KEYFRAMES + 1 for earlier, later in pairwise(keyframes))


def test_sound_keeps_its_place_and_a_gap_stays_one() -> None:
    encoder = FrameEncoder("PCMU")
    sound = tone(440, 2.0)
    sound.pts = 0
    frames = encoder.encode(sound, 0.0)
    step = Fraction(1, 50)
    given = [
        PlacedFrame(1, frame, n * step + (1 if n >= 50 else 0), step)
        for n, frame in enumerate(frames)
    ]
    transcoder = Transcoder(frames[0].codec, "opus")
    made = [each for placed in given for each in transcoder.transcode(placed)]
    gaps = [later.time - earlier.time for earlier, later in pairwise(made)]
    assert len(made) >= 95
    assert [gap for gap in gaps if gap != step] == [pytest.approx(1 + step, abs=0.03)]
    assert made[0].time == pytest.approx(0, abs=0.03)


def test_what_cannot_be_decoded_is_counted_and_pictures_go_on_at_the_next_key_frame() -> None:
    given = pictures("VP8", 0, 70)
    broken = replace(given[10], frame=replace(given[10].frame, payload=b"\x00"))
    transcoder = Transcoder(given[0].frame.codec, "VP9")
    assert transcoder.transcode(given[1]) == []
    made = [
        each.time
        for placed in (*given[:10], broken, *given[11:])
        for each in transcoder.transcode(placed)
    ]
    assert transcoder.failed == 1
    assert not [time for time in made if given[10].time <= time < 2]
    assert [time for time in made if time >= 2]
