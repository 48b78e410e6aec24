"""An outgoing stream follows its track, its parameters, the peer and congestion control."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field, replace

import pytest

from peer.priority import Priority
from peer.rtp.congestion import Share, allocate
from peer.rtp.formats.red import split_red
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.outbound_stream import AUDIO_BITRATE, DEFAULT_BITRATE, OutboundStream
from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    ReceptionReport,
    SenderReport,
    compact_ntp,
)
from peer.rtp_parameters import Codec, MediaKind, SendParameters
from peer.times import UnixTime
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.rtp.outgoing import (
    H264,
    OPUS,
    PCMU,
    RTX,
    VP8,
    FakeEngine,
    FakeSubscriptions,
    agreed,
    picture,
    sound,
)
from tests.support.rtp.parameters import QueueTrack

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO
SSRC, RTX_SSRC = 1000, 2000
ANYTHING = RtpEncodingParameters(scaleResolutionDownBy=1.0)
PLI = PictureLossIndication(1, SSRC)


@dataclass
class Sending:
    """A sender of video, or of sound, with a track."""

    kind: MediaKind = VIDEO
    parameters: SendParameters = field(default_factory=lambda: agreed(VP8, RTX))
    encoding: RtpEncodingParameters = field(default_factory=lambda: ANYTHING)
    engine: FakeEngine = field(default_factory=FakeEngine)
    subscriptions: FakeSubscriptions = field(default_factory=FakeSubscriptions)

    def __post_init__(self) -> None:
        self.stream = OutboundStream(
            self.kind,
            self.engine,
            self.parameters,
            self.encoding,
            ssrc=SSRC,
            rtx_ssrc=RTX_SSRC,
            subscribe=self.subscriptions,
        )
        self.track = QueueTrack(self.kind)
        self.stream.set_track(self.track)

    def sends(self) -> bool:
        """Return True while frames of the track reach the engine."""
        return self.subscriptions.now.active

    def timestamps(self) -> list[int]:
        """Of the packets, from 0 at the first."""
        packets = self.engine.packets
        return [(each.timestamp - packets[0].timestamp) % 2**32 for each in packets]

    def numbers(self) -> list[int]:
        packets = self.engine.packets
        return [(each.sequence_number - packets[0].sequence_number) % 2**16 for each in packets]


def of_sound(*codecs: Codec) -> Sending:
    return Sending(AUDIO, agreed(*(codecs or (OPUS,))), RtpEncodingParameters())


@in_virtual_time
async def test_frames_become_packets_of_one_stream() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True, payloads=2))
    sending.subscriptions.give(picture(3000))
    first, second, third = sending.engine.packets
    assert {each.ssrc for each in sending.engine.packets} == {SSRC}
    assert {each.payload_type for each in sending.engine.packets} == {97}
    assert (first.marker, second.marker, third.marker) == (False, True, True)
    assert sending.timestamps() == [0, 0, 3000]
    assert sending.numbers() == [0, 1, 2]


@in_virtual_time
async def test_stream_continues_with_another_track() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(90_000, keyframe=True))
    former = sending.subscriptions.now
    sending.stream.set_track(None)
    assert former.closed
    await asyncio.sleep(2.0)
    sending.stream.set_track(QueueTrack(VIDEO))
    sending.subscriptions.give(picture(9_000_005, keyframe=True))
    sending.subscriptions.give(picture(9_003_005))
    assert sending.timestamps() == [0, 180_000, 183_000]
    assert sending.numbers() == [0, 1, 2]


@in_virtual_time
async def test_ended_track_may_be_set_again() -> None:
    sending = Sending()
    sending.subscriptions.now.end()
    sending.stream.set_track(sending.track)
    assert sending.subscriptions.now.track is sending.track


@in_virtual_time
async def test_same_track_keeps_its_subscription() -> None:
    sending = Sending()
    sending.stream.set_track(sending.track)
    assert len(sending.subscriptions.made) == 1


@in_virtual_time
async def test_ended_track_is_not_subscribed_again() -> None:
    sending = Sending()
    sending.subscriptions.now.end()
    sending.stream.set_parameters(None)
    sending.stream.set_parameters(agreed(H264))
    sending.stream.request_keyframe()
    sending.stream.on_target(100_000)
    assert sending.subscriptions.open == []


@in_virtual_time
async def test_other_codec_continues_the_rtp_stream() -> None:
    sending = of_sound(OPUS)
    sending.subscriptions.give(sound(0))
    sending.stream.set_parameters(agreed(PCMU))
    assert sending.subscriptions.now.settings.codec == PCMU
    sending.subscriptions.give(sound(960))
    sending.subscriptions.give(sound(1920))
    assert [each.payload_type for each in sending.engine.packets] == [96, 0, 0]
    assert sending.timestamps() == [0, 160, 320]
    assert sending.numbers() == [0, 1, 2]
    assert sending.engine.senders[sending.stream] == (agreed(PCMU), (SSRC, RTX_SSRC))


@in_virtual_time
async def test_negotiation_pauses_and_resumes_the_stream() -> None:
    sending = Sending()
    sending.stream.set_parameters(None)
    assert not sending.sends()
    assert sending.stream not in sending.engine.shares
    sending.stream.set_parameters(sending.parameters)
    assert sending.sends()
    assert sending.stream in sending.engine.shares
    assert len(sending.subscriptions.made) == 1


@in_virtual_time
async def test_track_set_while_paused_is_paused() -> None:
    sending = Sending()
    sending.stream.set_parameters(None)
    sending.stream.set_track(QueueTrack(VIDEO))
    assert not sending.sends()


@pytest.mark.parametrize(
    "stop", [replace(ANYTHING, active=False), replace(ANYTHING, maxFramerate=0)]
)
def test_application_pauses_and_resumes_the_stream(stop: RtpEncodingParameters) -> None:
    @in_virtual_time
    async def run() -> None:
        sending = Sending()
        sending.stream.set_encoding(stop)
        assert not sending.sends()
        assert sending.stream not in sending.engine.shares
        # What is agreed anew does not override what the application wants.
        sending.stream.set_parameters(None)
        sending.stream.set_parameters(sending.parameters)
        assert not sending.sends()
        sending.stream.set_encoding(ANYTHING)
        assert sending.sends()
        assert sending.stream in sending.engine.shares

    run()


@in_virtual_time
async def test_encoding_parameters_set_size_and_frame_rate() -> None:
    sending = Sending()
    sending.stream.set_encoding(replace(ANYTHING, scaleResolutionDownBy=2.0, maxFramerate=10))
    settings = sending.subscriptions.now.settings
    assert (settings.scale_down_by, settings.max_framerate) == (2.0, 10)
    assert [subscription.closed for subscription in sending.subscriptions.made] == [True, False]


@in_virtual_time
async def test_encoder_bitrate_is_the_least_of_target_and_maximum() -> None:
    sending = Sending()
    sending.engine.target(400_000)
    assert sending.subscriptions.now.bitrate == 380_000
    sending.stream.set_encoding(replace(ANYTHING, maxBitrate=200_000))
    assert sending.subscriptions.now.bitrate == 200_000
    sending.engine.target(100_000)
    assert sending.subscriptions.now.bitrate == 95_000
    sending.engine.target(90_000_000)
    sending.stream.set_encoding(ANYTHING)
    assert sending.subscriptions.now.bitrate == DEFAULT_BITRATE


@in_virtual_time
async def test_encoder_of_the_next_track_has_the_target() -> None:
    sending = Sending()
    sending.engine.target(400_000)
    sending.stream.set_track(QueueTrack(VIDEO))
    assert sending.subscriptions.now.bitrate == 380_000


@in_virtual_time
async def test_share_follows_max_bitrate() -> None:
    sending = Sending()
    share = sending.engine.shares[sending.stream]
    assert share.maximum is None
    sending.stream.set_encoding(replace(ANYTHING, maxBitrate=190_000))
    assert sending.engine.shares[sending.stream].maximum == 200_000
    sending.stream.set_encoding(replace(ANYTHING, maxBitrate=19_000))
    share = sending.engine.shares[sending.stream]
    assert (share.minimum, share.maximum) == (20_000, 20_000)


@in_virtual_time
async def test_video_of_each_priority_has_twice_the_bitrate_of_that_below() -> None:
    sending = Sending()
    shares: list[Share] = []
    for priority, most in itertools.product(Priority, (None, 9_000_000)):
        sending.stream.set_encoding(replace(ANYTHING, priority=priority, maxBitrate=most))
        shares.append(sending.engine.shares[sending.stream])
    assert [each.weight for each in shares] == [0.5, 0.5, 1, 1, 2, 2, 4, 4]
    least = shares[0].minimum
    given = allocate(15 * 300_000 + 4 * least, shares[::2])
    assert [bitrate - least for bitrate in given] == [300_000, 600_000, 1_200_000, 2_400_000]


@in_virtual_time
async def test_audio_has_a_fixed_share_and_no_encoder_bitrate() -> None:
    sending = of_sound()
    share = sending.engine.shares[sending.stream]
    assert share.minimum == share.maximum
    sending.engine.target(30_000)
    assert sending.subscriptions.now.bitrate is None


@in_virtual_time
async def test_nack_is_answered_over_rtx() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True, payloads=3))
    number = sending.engine.packets[1].sequence_number
    sending.engine.tell(Nack(1, SSRC, (number,)))
    *_, repair = sending.engine.packets
    assert len(sending.engine.packets) == 4
    assert (repair.ssrc, repair.payload_type) == (RTX_SSRC, 98)
    assert repair.payload == number.to_bytes(2, "big") + b"picture"


@in_virtual_time
async def test_rtcp_about_another_stream_is_ignored() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True))
    await asyncio.sleep(1)
    number = sending.engine.packets[0].sequence_number
    sending.engine.tell(Nack(1, 77, (number,)))
    sending.engine.tell(PictureLossIndication(1, 77))
    sending.engine.tell(FullIntraRequest(1, ((77, 1),)))
    sending.engine.tell(ReceiverReport(1, (ReceptionReport(77, 9, 9, 9, 9),)))
    sending.engine.tell(Goodbye((77,)))
    assert len(sending.engine.packets) == 1
    assert sending.subscriptions.now.keyframes == 0
    assert sending.stream.peer_report is None


@in_virtual_time
async def test_pli_makes_at_most_one_keyframe_each_500_ms() -> None:
    sending = Sending()
    sending.engine.tell(PLI)
    assert sending.subscriptions.now.keyframes == 1
    for _ in range(3):
        await asyncio.sleep(0.1)
        sending.engine.tell(PLI)
    assert sending.subscriptions.now.keyframes == 1
    await asyncio.sleep(0.21)
    assert sending.subscriptions.now.keyframes == 2
    await asyncio.sleep(5)
    assert sending.subscriptions.now.keyframes == 2
    assert sending.stream.counts.plis == 4


@in_virtual_time
async def test_sent_keyframe_answers_earlier_plis() -> None:
    sending = Sending()
    sending.engine.tell(PLI)
    await asyncio.sleep(0.3)
    sending.engine.tell(PLI)
    sending.subscriptions.give(picture(0, keyframe=True))
    await asyncio.sleep(5)
    assert sending.subscriptions.now.keyframes == 1


@in_virtual_time
async def test_repeated_fir_makes_one_keyframe() -> None:
    sending = Sending()
    for number in (5, 5, 6):
        sending.engine.tell(FullIntraRequest(1, ((SSRC, number),)))
        await asyncio.sleep(1)
    assert sending.subscriptions.now.keyframes == 2
    assert sending.stream.counts.firs == 3


@in_virtual_time
async def test_dropped_frames_request_a_keyframe() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True))
    await asyncio.sleep(1)
    sending.engine.full = True
    sending.subscriptions.give(picture(90_000))
    assert sending.subscriptions.now.keyframes == 1
    sending.engine.full = False
    sending.subscriptions.give(picture(93_000))
    sending.subscriptions.give(picture(96_000, keyframe=True))
    assert sending.timestamps() == [0, 96_000]
    assert sending.numbers() == [0, 1]


@in_virtual_time
async def test_peer_reports_reach_congestion_control() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True))
    await asyncio.sleep(2)
    (report, _), made = sending.engine.rtcp[0], sending.engine.rtcp_times[0]
    assert isinstance(report, SenderReport)
    # All but half a second since then, the peer had it.
    held = round((sending.engine.clock() - made - 0.5) * 65536)
    heard = ReceptionReport(SSRC, 64, 3, 9, 90, compact_ntp(report.ntp_time), held)
    sending.engine.tell(ReceiverReport(1, (heard,)))
    assert sending.engine.losses == [0.25]
    assert sending.engine.round_trips == [pytest.approx(0.5, abs=1e-4)]
    assert sending.stream.counts.round_trips == 1


@in_virtual_time
async def test_stop_sends_a_bye_and_releases_everything() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True))
    sending.engine.tell(PLI)
    subscription = sending.subscriptions.now
    sending.stream.stop()
    *_, goodbye = sending.engine.rtcp[-1]
    assert goodbye == Goodbye((SSRC,))
    assert subscription.closed
    assert (sending.engine.senders, sending.engine.shares) == ({}, {})
    assert sending.engine.discarded == [sending.stream.rtp]
    told = len(sending.engine.rtcp)
    await asyncio.sleep(10)
    assert len(sending.engine.rtcp) == told
    assert subscription.keyframes == 0


@in_virtual_time
async def test_unusable_track_is_logged_once_as_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sending = Sending()
    for _ in range(3):
        sending.subscriptions.now.on_error(ValueError("no picture"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no picture" in caplog.text


@in_virtual_time
async def test_passed_through_frames_do_not_count_as_encoded() -> None:
    sending = Sending()
    sending.subscriptions.give(picture(0, keyframe=True))
    sending.subscriptions.give(picture(3000, keyframe=True, encoded=False))
    sending.subscriptions.give(picture(6000))
    counts = sending.stream.counts
    assert (counts.frames, counts.encoded, counts.keyframes) == (3, 2, 1)
    assert counts.encode_time == pytest.approx(0.02)


RED = Codec(
    kind=AUDIO,
    name="red",
    payload_type=63,
    clock_rate=48_000,
    channels=2,
    parameters=((f"{OPUS.payload_type}/{OPUS.payload_type}", None),),
)


@in_virtual_time
async def test_redundant_audio_carries_a_copy_of_the_packet_before() -> None:
    sending = of_sound(OPUS, RED)
    sending.stream.set_parameters(replace(agreed(OPUS, RED), redundancy=True))
    for number in range(3):
        sending.subscriptions.give(replace(sound(number * 960), payloads=(b"%d" % number,)))
    packets = sending.engine.packets
    assert [each.payload_type for each in packets] == [63, 63, 63]
    assert [[block.payload for block in split_red(each.payload)] for each in packets] == [
        [b"0"], [b"0", b"1"], [b"1", b"2"],
    ]  # fmt: skip
    assert split_red(packets[1].payload)[0].offset == 960
    assert sending.timestamps() == [0, 960, 1920]
    # Sender reports tell the time of redundant audio as well.
    report = sending.stream.rtp.sender_report(now=0.0, unix_now=UnixTime(0.0))
    assert report is not None
    assert sending.engine.shares[sending.stream] == Share(2 * AUDIO_BITRATE, 2 * AUDIO_BITRATE)


@in_virtual_time
async def test_audio_is_sent_without_redundancy_where_red_is_only_agreed() -> None:
    sending = of_sound(OPUS, RED)
    sending.subscriptions.give(sound(0))
    sending.stream.set_parameters(replace(agreed(OPUS, RED), redundancy=True))
    sending.subscriptions.give(sound(960))
    sending.stream.set_parameters(agreed(OPUS, RED))
    sending.subscriptions.give(sound(1920))
    assert [each.payload_type for each in sending.engine.packets] == [
        OPUS.payload_type, 63, OPUS.payload_type,
    ]  # fmt: skip
    other = of_sound(PCMU, RED)
    other.stream.set_parameters(replace(agreed(PCMU, RED), redundancy=True))
    other.subscriptions.give(sound(0))
    assert [each.payload_type for each in other.engine.packets] == [PCMU.payload_type]
