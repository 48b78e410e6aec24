"""Encoded frames are packetised once and passed through."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding import EncodingSettings, OutgoingFrame
from peer.rtp.encoding.shared_encoder import SharedEncoder, Subscriber
from peer.rtp.encoding.track_frame import TrackFrameReader
from peer.rtp.formats import format_of
from peer.rtp.levels import AudioLevel
from peer.times import UnixTime
from tests.support.clock.clock import Clock
from tests.support.media.moving import codec_named, vp8_pictures

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

VP8, VP9, OPUS = codec_named("VP8"), codec_named("VP9"), codec_named("opus")
KEY, DELTA = vp8_pictures(2)


def frame_of(codec: Codec = VP8, payload: bytes = KEY, *, pts: int = 0) -> EncodedFrame:
    return EncodedFrame(
        codec=codec,
        payload=payload,
        ssrc=1,
        timestamp=pts,
        pts=pts,
        arrival=0.0,
        wall_clock=UnixTime(1.5e9),
        keyframe=payload is not DELTA,
        width=16,
        height=16,
        level=AudioLevel(30) if codec is OPUS else None,
    )


class Relay:
    """An encoding that is only given encoded frames, one each 1/30 s, and a member of it."""

    def __init__(self, codec: Codec = VP8) -> None:
        self.clock = Clock(50.0)
        self.asked: list[float] = []
        self.encoder = SharedEncoder(EncodingSettings(codec), clock=self.clock, ask_track=self._ask)
        self.errors: list[Exception] = []
        self.reader = TrackFrameReader(codec.kind)

    def _ask(self) -> None:
        self.asked.append(self.clock())

    def joined(self) -> list[OutgoingFrame]:
        frames: list[OutgoingFrame] = []
        self.encoder.add(Subscriber(frames.append, lambda: None, self.errors.append))
        return frames

    def put(self, *items: object) -> None:
        for item in items:
            self.clock.advance(1 / 30)
            self.encoder.on_frame(
                self.reader.read(item, now=self.clock(), unix_now=UnixTime(1.7e9))
            )


async def test_encoded_frame_is_packetised_once_for_all() -> None:
    relay = Relay()
    one, other = relay.joined(), relay.joined()
    relay.put(frame_of(pts=4500))
    assert one[0] is other[0]
    frame = one[0]
    assert format_of(VP8).assemble(frame.payloads) == KEY
    assert (frame.pts, frame.time_base) == (4500, Fraction(1, 90_000))
    assert (frame.keyframe, frame.encoded, frame.size) == (True, False, len(KEY))
    assert (frame.width, frame.height, frame.capture_time) == (16, 16, 1.5e9)
    assert frame.capture_monotonic == pytest.approx(relay.clock())
    assert relay.encoder.counts.passed == 1


async def test_passthrough_keeps_the_audio_level() -> None:
    relay = Relay(OPUS)
    frames = relay.joined()
    relay.put(frame_of(OPUS, b"sound", pts=960))
    assert frames[0].payloads == (b"sound",)
    assert (frames[0].level, frames[0].time_base) == (AudioLevel(30), Fraction(1, 48_000))
    assert relay.asked == []


async def test_passthrough_detects_keyframes_of_packets() -> None:
    relay = Relay()
    frames = relay.joined()
    for number, payload in enumerate((DELTA, KEY, DELTA)):
        packet = Packet(payload)
        packet.pts, packet.time_base = number, Fraction(1, 30)
        relay.put(packet)
    assert [(frame.pts, frame.keyframe) for frame in frames] == [(1, True), (2, False)]


async def test_passthrough_ignores_an_empty_packet() -> None:
    relay = Relay()
    frames = relay.joined()
    relay.put(Packet(b""), frame_of())
    assert len(frames) == 1
    assert relay.errors == []


async def test_passthrough_keeps_the_duration_of_audio_packets() -> None:
    relay = Relay(OPUS)
    frames = relay.joined()
    packet = Packet(b"sound")
    packet.pts, packet.duration, packet.time_base = 5, 20, Fraction(1, 1000)
    relay.put(packet)
    assert frames[0].duration == Fraction(1, 50)


@pytest.mark.parametrize(
    "codec",
    [
        VP9,
        codec_named("H264"),
        replace(VP8, clock_rate=45_000),
        replace(VP8, parameters=(("profile-id", "2"),)),
    ],
)
async def test_passthrough_drops_another_codec_with_one_error(codec: Codec) -> None:
    relay = Relay()
    frames = relay.joined()
    relay.put(frame_of(codec), frame_of(codec), frame_of(codec))
    assert frames == []
    assert len(relay.errors) == 1
    assert codec.mimeType in str(relay.errors[0])
    assert relay.encoder.counts.unusable == 3


async def test_passthrough_ignores_payload_type_and_case() -> None:
    relay = Relay()
    frames = relay.joined()
    relay.put(frame_of(replace(VP8, payload_type=120, name="vp8", feedback=())))
    assert len(frames) == 1


async def test_passthrough_of_a_changing_codec_serves_each_subscriber() -> None:
    relay = Relay()
    frames = relay.joined()
    relay.put(frame_of(), frame_of(VP9), frame_of(pts=9000), frame_of(VP9))
    assert [frame.pts for frame in frames] == [0, 9000]
    assert len(relay.errors) == 2


async def test_passthrough_asks_the_track_until_a_keyframe_comes() -> None:
    relay = Relay()
    frames = relay.joined()
    assert relay.asked == [50.0]
    relay.put(*[frame_of(payload=DELTA)] * 20)
    assert frames == []
    # 20 pictures are two thirds of a second: once more.
    assert len(relay.asked) == 2
    relay.put(frame_of(), *[frame_of(payload=DELTA)] * 20)
    assert len(frames) == 21
    assert len(relay.asked) == 2


async def test_passthrough_asks_the_track_once_each_500_ms() -> None:
    relay = Relay()
    relay.joined()
    relay.put(frame_of())
    begun = len(relay.asked)
    for _ in range(60):
        for _ in range(50):
            relay.encoder.request_keyframe()
        relay.put(frame_of(payload=DELTA))
    assert len(relay.asked) - begun == 3


async def test_passthrough_refuses_a_malformed_frame() -> None:
    relay = Relay(codec_named("H264"))
    frames = relay.joined()
    relay.put(Packet(b"no start code"))
    assert frames == []
    assert relay.encoder.counts.unusable == 1
    assert len(relay.errors) == 1
