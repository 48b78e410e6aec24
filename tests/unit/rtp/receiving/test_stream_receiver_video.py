"""Key frames are requested when video stalls, in time and not more than needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.rtp.formats import format_of
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import FullIntraRequest, Nack, PictureLossIndication, RtcpPacket
from peer.rtp_parameters import Feedback, MediaKind
from tests.support.links.lossy_rtp import MEDIA_SSRC, RTCP_SSRC, VP8, parameters, vp8_frame

PLI = PictureLossIndication(RTCP_SSRC, MEDIA_SSRC)
FRAME = 1 / 30


class Screen:
    """Gives video frames of three packets to an `RtpStreamReceiver`, and keeps its feedback."""

    def __init__(self, *feedback: Feedback) -> None:
        self.now = 100.0
        self.asked: list[tuple[float, RtcpPacket]] = []
        self.given: list[tuple[float, int]] = []
        self.stream_receiver = RtpStreamReceiver(
            MediaKind.VIDEO,
            on_frame=lambda frame: self.given.append((self.now, frame.timestamp // 3000)),
            on_feedback=lambda packets: self.asked.extend((self.now, each) for each in packets),
        )
        self.stream_receiver.configure(
            parameters(replace(VP8, feedback=feedback or VP8.feedback)), RTCP_SSRC
        )
        self._format = format_of(VP8)

    def packets(self, index: int, *, keyframe: bool = False) -> list[RtpPacket]:
        payloads = self._format.packetize(
            vp8_frame(3000, keyframe=keyframe), keyframe=keyframe, limit=1200
        )
        return [
            RtpPacket(
                payload_type=96,
                sequence_number=(65_530 + 3 * index + at) % 65536,
                timestamp=3000 * index,
                ssrc=MEDIA_SSRC,
                payload=payload,
                marker=at == 2,
            )
            for at, payload in enumerate(payloads)
        ]

    def show(self, index: int, *, keyframe: bool = False, without: tuple[int, ...] = ()) -> None:
        """A frame later a picture comes, without some of its packets."""
        self.wait(FRAME)
        for at, packet in enumerate(self.packets(index, keyframe=keyframe)):
            if at not in without:
                self.stream_receiver.receive(packet, {}, self.now)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.stream_receiver.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            self.stream_receiver.advance(self.now)
        self.now = until

    def requests(self) -> list[float]:
        return [at for at, packet in self.asked if not isinstance(packet, Nack)]


@pytest.mark.parametrize("without", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("nack", [True, False])
def test_unrepaired_loss_requests_key_frame_within_300_ms(
    without: tuple[int, ...], *, nack: bool
) -> None:
    screen = Screen(*VP8.feedback if nack else (Feedback("nack", "pli"),))
    screen.show(0, keyframe=True)
    screen.show(1, without=without)
    stalled = screen.now
    for index in range(2, 30):
        screen.show(index)
    first = next(at for at, packet in screen.asked if packet == PLI)
    assert first - stalled <= 0.3
    assert [index for _, index in screen.given] == [0]


def test_video_frame_cut_short_requests_key_frame_within_300_ms() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.show(1, without=(2,))
    stalled = screen.now
    screen.wait(1.0)
    assert 0.2 <= screen.requests()[0] - stalled <= 0.3


def test_repaired_loss_requests_no_key_frame() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.show(1, without=(1,))
    screen.show(2)
    screen.wait(0.15)
    screen.stream_receiver.receive(screen.packets(1)[1], {}, screen.now)
    screen.wait(5.0)
    assert screen.requests() == []
    assert [index for _, index in screen.given] == [0, 1, 2]


def test_no_key_frame_is_requested_before_first_packet() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.show(1)
    screen.wait(60.0)
    assert screen.asked == []
    assert screen.stream_receiver.deadline is None


def test_stream_that_begins_with_delta_frame_requests_key_frame_at_once() -> None:
    screen = Screen()
    screen.show(1)
    assert screen.asked == [(screen.now, PLI)]


def test_stream_that_begins_with_key_frame_requests_none() -> None:
    screen = Screen()
    screen.stream_receiver.receive(screen.packets(0, keyframe=True)[0], {}, screen.now)
    screen.wait(0.2)
    assert screen.asked == []


def test_key_frame_request_is_repeated_while_frames_cannot_be_decoded() -> None:
    screen = Screen()
    for index in range(1, 61):
        screen.show(index)
    assert 3 <= len(screen.requests()) <= 5


def test_silent_peer_is_not_asked_for_key_frames_for_ever() -> None:
    screen = Screen()
    screen.show(1)
    screen.wait(600.0)
    assert len(screen.requests()) <= 4


def test_fir_without_agreed_pli_counts_its_sequence_number() -> None:
    screen = Screen(Feedback("ccm", "fir"))
    for index in range(1, 30):
        screen.show(index)
    sent = [packet for _, packet in screen.asked]
    assert sent[:2] == [
        FullIntraRequest(RTCP_SSRC, ((MEDIA_SSRC, 1),)),
        FullIntraRequest(RTCP_SSRC, ((MEDIA_SSRC, 2),)),
    ]
    assert screen.stream_receiver.statistics()[0].fir_count == len(sent)


def test_no_feedback_is_sent_that_was_not_agreed() -> None:
    screen = Screen(Feedback("goog-remb"))
    for index in range(1, 30):
        screen.show(index, without=(1,))
    assert screen.asked == []


def test_complete_key_frame_does_not_wait_for_gap_before_it() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.show(1, without=(1,))
    for index in range(2, 8):
        screen.show(index)
    screen.show(8, keyframe=True)
    assert [index for _, index in screen.given] == [0, 8]


def test_key_frame_soon_after_gap_waits_for_retransmission() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.show(1, without=(1,))
    screen.show(2, keyframe=True)
    screen.wait(0.08)
    screen.stream_receiver.receive(screen.packets(1)[1], {}, screen.now)
    assert [index for _, index in screen.given] == [0, 1, 2]


def test_key_frame_request_of_application_is_served_once() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.stream_receiver.request_keyframe(screen.now)
    screen.stream_receiver.request_keyframe(screen.now)
    screen.show(1)
    screen.show(2, keyframe=True)
    for index in range(3, 60):
        screen.show(index)
    assert len(screen.requests()) == 1


def test_key_frame_request_before_first_packet_is_kept() -> None:
    screen = Screen()
    screen.stream_receiver.request_keyframe(screen.now)
    assert screen.asked == []
    screen.show(1)
    assert len(screen.requests()) == 1


def test_served_key_frame_request_is_forgotten() -> None:
    screen = Screen()
    screen.stream_receiver.request_keyframe(screen.now)
    screen.show(0, keyframe=True)
    screen.stream_receiver.goodbye(MEDIA_SSRC)
    screen.show(2000, keyframe=True)
    assert screen.requests() == []


def test_video_frame_cut_short_after_pause_requests_key_frame() -> None:
    screen = Screen()
    screen.show(0, keyframe=True)
    screen.wait(5.0)
    assert screen.stream_receiver.deadline is None
    screen.show(1, without=(2,))
    stalled = screen.now
    screen.wait(1.0)
    assert 0.2 <= screen.requests()[0] - stalled <= 0.3


def test_lost_key_frame_is_requested_again_soon() -> None:
    screen = Screen(Feedback("nack", "pli"))
    screen.show(0, keyframe=True)
    screen.show(1, without=(1,))
    for index in range(2, 5):
        screen.show(index)
    asked = len(screen.requests())
    assert asked == 1
    screen.wait(0.1)
    screen.show(5, keyframe=True, without=(1,))
    screen.show(6)
    screen.wait(0.06)
    first, second = screen.requests()
    assert second - first < 0.28


def test_early_key_frame_request_is_served_by_first_key_frame() -> None:
    screen = Screen()
    screen.stream_receiver.request_keyframe(screen.now)
    screen.show(0, keyframe=True)
    for index in range(1, 30):
        screen.show(index)
    assert screen.asked == []
    assert len(screen.given) == 30


def test_key_frame_request_during_first_key_frame_is_served_by_it() -> None:
    screen = Screen()
    packets = screen.packets(0, keyframe=True)
    screen.stream_receiver.receive(packets[0], {}, screen.now)
    screen.stream_receiver.request_keyframe(screen.now)
    screen.wait(0.1)
    assert screen.asked == []
    for packet in packets[1:]:
        screen.stream_receiver.receive(packet, {}, screen.now)
    screen.wait(1.0)
    assert screen.asked == []
    assert len(screen.given) == 1


def test_requested_key_frame_cut_short_is_requested_again_within_300_ms() -> None:
    screen = Screen()
    screen.stream_receiver.request_keyframe(screen.now)
    begun = screen.now
    screen.stream_receiver.receive(screen.packets(0, keyframe=True)[0], {}, begun)
    screen.wait(1.0)
    assert begun < screen.requests()[0] <= begun + 0.3
