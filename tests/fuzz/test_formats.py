"""Payloads that nobody would send: whatever comes, a frame or a MalformedError.

INPUTS says how many of each; it was run with 100,000.
"""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest

from peer.rtp.formats import PayloadFormat, format_of
from peer.rtp.malformed import MalformedError
from peer.rtp_parameters import Codec, MediaKind
from tests.support.captures.mutation import Mutator
from tests.support.media.encoded import encoded

COUNT = int(os.environ.get("INPUTS", "2000"))
NAMES = ["VP8", "VP9", "H264", "H265", "AV1"]
LIMIT = 64
#: Octets, with one frame at hand: sixteen parameter sets of 1 KiB, and a frame in the making.
MOST = 512 * 1024

pytestmark = pytest.mark.timeout(300 + COUNT // 500)


def video(name: str, mode: str = "1") -> PayloadFormat:
    codec = Codec(
        kind=MediaKind.VIDEO,
        name=name,
        payload_type=96,
        clock_rate=90_000,
        parameters=(("packetization-mode", mode),),
    )
    return format_of(codec)


def small_frames(name: str) -> list[tuple[bytes, bool]]:
    """The beginnings of real frames: those of headers are looked into, the rest is not."""
    return [(frame.data[:400], frame.keyframe) for frame in encoded(name)]


def genuine(name: str) -> list[bytes]:
    """Payloads of real frames, whole and of their beginnings, small and large."""
    fmt = video(name)
    payloads = []
    for frame in encoded(name):
        for limit in (LIMIT, 300):
            payloads += fmt.packetize(frame.data, keyframe=frame.keyframe, limit=limit)[:8]
    return payloads


def whole(fmt: PayloadFormat, payloads: list[bytes]) -> None:
    """Everything that is asked of payloads and of the frame that they may make."""
    for payload in payloads:
        assert fmt.is_keyframe_start(payload) in (True, False)
    try:
        frame = fmt.assemble(payloads)
    except MalformedError:
        return
    assert frame
    # A frame is what came, and at most its start codes, sizes and parameter sets.
    assert len(frame) <= sum(map(len, payloads)) * 4 + 20_000
    shape = fmt.describe(frame)
    assert (shape.width is None) is (shape.height is None)


@pytest.mark.parametrize("name", NAMES)
def test_mutated_payloads_make_a_frame_or_none(name: str) -> None:
    source = random.Random(name)
    mutate = Mutator(genuine(name), 1)
    fmt = video(name)
    for _ in range(COUNT):
        whole(fmt, [mutate() for _ in range(source.choice((1, 1, 2, 3)))])


@pytest.mark.parametrize("name", NAMES)
def test_whole_frames_follow_one_mutated_payload(name: str) -> None:
    source = random.Random(name)
    fmt = video(name)
    frames = [
        fmt.packetize(frame.data, keyframe=frame.keyframe, limit=4000) for frame in encoded(name)
    ]
    mutate = Mutator([payload[:40] for frame in frames for payload in frame], 2)
    for _ in range(COUNT):
        payloads = list(source.choice(frames))
        place = source.randrange(len(payloads))
        # Its head is spoilt, or it is lost, twice there, or out of place.
        match source.randrange(4):
            case 0:
                payloads[place] = mutate() + payloads[place][40:]
            case 1:
                del payloads[place]
            case 2:
                payloads.insert(source.randrange(len(payloads)), payloads[place])
            case _:
                source.shuffle(payloads)
        whole(fmt, payloads)


@pytest.mark.parametrize("name", NAMES)
def test_noise_makes_a_frame_or_none(name: str) -> None:
    source = random.Random(name)
    fmt = video(name)
    tracemalloc.start()
    for _ in range(COUNT):
        count = source.choice((1, 1, 1, 2, 3, 8))
        whole(fmt, [source.randbytes(source.choice((0, 1, 2, 5, 30, 200))) for _ in range(count)])
        # As a frame it means nothing either.
        shape = fmt.describe(source.randbytes(source.randrange(60)))
        assert (shape.width is None) is (shape.height is None)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < MOST


@pytest.mark.parametrize("mode", ["0", "1"])
@pytest.mark.parametrize("name", NAMES)
def test_mutated_frames_are_sent_whole_or_refused(name: str, mode: str) -> None:
    source = random.Random(name)
    mutate = Mutator([frame for frame, _ in small_frames(name)], 3)
    fmt = video(name, mode)
    for _ in range(COUNT):
        frame = mutate()
        fmt.describe(frame)
        limit = source.randrange(LIMIT, 500)
        try:
            payloads = fmt.packetize(frame, keyframe=source.random() < 0.5, limit=limit)
        except MalformedError:
            continue
        assert all(0 < len(payload) <= limit for payload in payloads)
        whole(fmt, payloads)
