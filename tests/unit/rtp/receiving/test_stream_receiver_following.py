"""A stream receiver follows changes of SSRC, payload type and transport."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.levels import AudioLevel
from peer.rtp.packet import (
    ABS_CAPTURE_TIME,
    AUDIO_LEVEL,
    PLAYOUT_DELAY,
    REPAIRED_RID,
    RID,
    AbsoluteCaptureTime,
    PlayoutDelay,
    RtpPacket,
)
from peer.rtp.receiving.layered_receiver import SSRC_SWITCH_INTERVAL
from peer.rtp.receiving.ssrcs import SSRC_LIMIT
from peer.rtp.receiving.stream_receiver import CONTRIBUTING_LIMIT, RtpStreamReceiver
from peer.rtp.rtcp import RtcpPacket, SenderReport, to_ntp
from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, ReceiveParameters
from peer.times import UnixTime
from tests.support.links.lossy_rtp import OPUS, RTCP_SSRC, TONES

PCMU = Codec(kind=MediaKind.AUDIO, name="PCMU", payload_type=0, clock_rate=8000, channels=1)
RTX = Codec(
    kind=MediaKind.AUDIO,
    name="rtx",
    payload_type=97,
    clock_rate=48_000,
    parameters=(("apt", "111"),),
)

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
URIS = (AUDIO_LEVEL, ABS_CAPTURE_TIME, PLAYOUT_DELAY, RID, REPAIRED_RID)
EXTENSIONS = tuple(HeaderExtension(index, uri) for index, uri in enumerate(URIS, 1))
WALL = 1_700_000_000.0


class Ear:
    """Gives audio packets of 20 ms to an `RtpStreamReceiver`, and keeps its frames."""

    def __init__(self, rtx: tuple[tuple[int, int], ...] = ()) -> None:
        self.frames: list[EncodedFrame] = []
        self.feedback: list[RtcpPacket] = []
        self.tones: list[tuple[str, bytes, int]] = []
        self.stream_receiver = RtpStreamReceiver(
            MediaKind.AUDIO,
            on_frame=self.frames.append,
            on_feedback=self.feedback.extend,
            on_event=lambda codec, payload, at: self.tones.append((codec.name, payload, at)),
        )
        self.parameters = ReceiveParameters(
            mid="0", codecs=(OPUS, PCMU, RTX, TONES), extensions=EXTENSIONS, rtx=rtx
        )
        self.stream_receiver.configure(self.parameters, RTCP_SSRC)

    def hear(
        self,
        number: int,
        arrival: float,
        *,
        ssrc: int = 1,
        payload_type: int = 111,
        timestamp: int | None = None,
        elements: dict[int, bytes] | None = None,
        payload: bytes | None = None,
        csrcs: tuple[int, ...] = (),
    ) -> None:
        packet = RtpPacket(
            payload_type=payload_type,
            sequence_number=number % 65536,
            timestamp=number * 960 if timestamp is None else timestamp,
            ssrc=ssrc,
            payload=b"%d" % number if payload is None else payload,
            csrcs=csrcs,
        )
        self.stream_receiver.receive(packet, elements or {}, arrival)

    @property
    def heard(self) -> list[tuple[int, bytes]]:
        return [(frame.ssrc, frame.payload) for frame in self.frames]


def test_change_of_ssrc_is_followed_on_one_timeline() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(500, 10.5, ssrc=2, timestamp=4_000_000_000)
    assert ear.heard == [(1, b"1"), (2, b"500")]
    assert [frame.pts for frame in ear.frames] == [0, 24_000]
    assert ear.stream_receiver.ssrc == 2


def test_stragglers_do_not_undo_change_of_ssrc() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(500, 10.5, ssrc=2)
    ear.hear(2, 10.5 + SSRC_SWITCH_INTERVAL / 2)
    assert ear.stream_receiver.other_ssrc_packets == 1
    ear.hear(3, 10.501 + SSRC_SWITCH_INTERVAL)
    assert [ssrc for ssrc, _ in ear.heard] == [1, 2, 1]


def test_change_of_payload_type_is_followed_at_once() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(2, 10.02, payload_type=0, timestamp=1120)
    ear.hear(3, 10.04, payload_type=0, timestamp=1280)
    assert [(frame.codec.name, frame.pts) for frame in ear.frames] == [
        ("opus", 0),
        ("PCMU", 160),
        ("PCMU", 320),
    ]


def test_packet_of_unagreed_payload_type_is_counted_and_dropped() -> None:
    ear = Ear()
    ear.hear(1, 10.0, payload_type=50)
    assert ear.stream_receiver.unexpected_packets == 1
    assert ear.stream_receiver.statistics() == ()


def test_pause_leaves_gap_on_same_timeline() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.pause()
    for number in range(2, 50):
        ear.hear(number, 10.0 + number * 0.02)
    ear.stream_receiver.resume(11.0)
    ear.hear(51, 11.0)
    ear.hear(52, 11.02)
    ear.stream_receiver.advance(11.5)
    assert ear.heard == [(1, b"1"), (1, b"51"), (1, b"52")]
    assert [frame.pts for frame in ear.frames] == [0, 50 * 960, 51 * 960]


def test_move_to_another_transport_keeps_stream_without_gap() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.restart(10.01)
    ear.hear(2, 10.02)
    assert [(frame.pts, frame.gap) for frame in ear.frames] == [(0, False), (960, False)]


def test_move_to_another_transport_follows_another_ssrc_at_once() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.restart(10.01)
    ear.hear(40_000, 10.1, timestamp=7)
    assert [frame.pts for frame in ear.frames] == [0, 4800]
    ear.stream_receiver.restart(10.11)
    ear.hear(9, 10.2, ssrc=2, timestamp=7_000_000)
    assert [frame.pts for frame in ear.frames] == [0, 4800, 9600]


def test_ssrc_after_goodbye_is_followed_at_once() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.goodbye(1)
    ear.hear(9, 10.02, ssrc=2)
    assert [ssrc for ssrc, _ in ear.heard] == [1, 2]


def test_goodbye_of_another_ssrc_is_ignored() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.goodbye(99)
    ear.hear(9, 10.02, ssrc=2)
    assert ear.stream_receiver.ssrc == 1


def test_jump_of_sequence_numbers_is_followed_with_next_packet() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(40_000, 10.02, timestamp=1920)
    ear.hear(40_001, 10.04, timestamp=2880)
    assert [payload for _, payload in ear.heard] == [b"1", b"40000", b"40001"]
    assert ear.frames[1].gap


def test_telephone_events_leave_no_gap_in_audio() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(2, 10.02, payload_type=126, timestamp=1920, payload=b"\x05\x0a\x03\x20")
    ear.hear(3, 10.04)
    assert ear.tones == [("telephone-event", b"\x05\x0a\x03\x20", 1920)]
    assert [(frame.payload, frame.gap) for frame in ear.frames] == [(b"1", False), (b"3", False)]


@pytest.mark.parametrize(
    ("pairs", "elements", "media"),
    [
        (((20, 1),), {}, {}),
        ((), {5: b"x"}, {4: b"x"}),
        ((), {}, {}),
    ],
    ids=["FID group", "repaired RID", "the only one"],
)
def test_retransmission_fills_its_gap(
    pairs: tuple[tuple[int, int], ...], elements: dict[int, bytes], media: dict[int, bytes]
) -> None:
    ear = Ear(pairs)
    ear.hear(1, 10.0, elements=media)
    ear.hear(3, 10.001)
    ear.hear(
        900,
        10.01,
        ssrc=20,
        payload_type=97,
        timestamp=1920,
        payload=b"\x00\x02two",
        elements=elements,
    )
    assert [payload for _, payload in ear.heard] == [b"1", b"two", b"3"]
    media_stream, repairs = ear.stream_receiver.statistics()
    assert (media_stream.recovered, media_stream.retransmitted_bytes) == (1, 5)
    assert repairs.repairs == 1


def test_retransmission_for_another_ssrc_is_ignored() -> None:
    ear = Ear(((20, 7),))
    ear.hear(1, 10.0)
    ear.hear(3, 10.001)
    ear.hear(900, 10.01, ssrc=20, payload_type=97, payload=b"\x00\x02two")
    assert [payload for _, payload in ear.heard] == [b"1"]


def test_retransmission_far_ahead_is_discarded() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.hear(900, 10.01, ssrc=20, payload_type=97, payload=b"\x70\x00x")
    ear.hear(2, 10.02)
    assert [payload for _, payload in ear.heard] == [b"1", b"2"]


def test_capture_time_is_known_from_first_sender_report() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.receive_report(
        SenderReport(
            ssrc=1, ntp_time=to_ntp(WALL), rtp_timestamp=960, packet_count=1, octet_count=1
        ),
        10.01,
    )
    ear.hear(51, 11.0)
    ear.hear(52, 11.02)
    ear.stream_receiver.advance(12.0)
    assert ear.frames[0].wall_clock is None
    assert ear.frames[1].wall_clock == pytest.approx(WALL + 1.0, abs=1e-3)


def test_stream_receiver_reads_header_extensions() -> None:
    ear = Ear()
    elements = {
        1: AudioLevel(12, voice=True).write(),
        2: AbsoluteCaptureTime(UnixTime(WALL)).write(),
        3: PlayoutDelay(0.1, 0.5).write(),
    }
    ear.hear(1, 10.0, elements=elements)
    ear.hear(2, 10.02)
    assert ear.frames[0].level == AudioLevel(12, voice=True)
    assert ear.frames[1].level is None
    assert ear.frames[0].wall_clock == pytest.approx(WALL, abs=1e-3)
    assert ear.frames[1].wall_clock == pytest.approx(WALL + 0.02, abs=1e-3)
    assert ear.stream_receiver.playout_delay == PlayoutDelay(0.1, 0.5)


def test_malformed_header_extension_keeps_payload() -> None:
    ear = Ear()
    ear.hear(1, 10.0, elements={1: b"", 2: b"x", 3: b"xx"})
    assert ear.heard == [(1, b"1")]


def test_contributing_sources_are_bounded() -> None:
    ear = Ear()
    for number in range(1, 100):
        ear.hear(number, number * 0.02, csrcs=(number, number + 1))
    named = ear.stream_receiver.contributing_sources()
    assert len(named) == CONTRIBUTING_LIMIT
    assert (named[-1].source, named[-1].timestamp) == (100, 99 * 960)


def test_latest_synchronization_source_comes_last_and_once() -> None:
    ear = Ear()
    for number, ssrc in enumerate((1, 2, 1)):
        ear.hear(number, 10.0 + number, ssrc=ssrc)
    named = ear.stream_receiver.synchronization_sources()
    assert [(each.source, each.timestamp, each.arrival) for each in named] == [
        (2, 960, 11.0),
        (1, 1920, 12.0),
    ]


def test_synchronization_sources_are_bounded() -> None:
    ear = Ear()
    for ssrc in range(100):
        ear.hear(1, 10.0 + ssrc, ssrc=ssrc)
    named = [each.source for each in ear.stream_receiver.synchronization_sources()]
    assert named == list(range(100 - SSRC_LIMIT, 100))


def test_level_of_ssrc_is_that_of_its_last_frame() -> None:
    ear = Ear()
    assert ear.stream_receiver.statistics() == ()
    ear.hear(1, 10.0, elements={1: AudioLevel(40).write()})
    ear.hear(2, 10.02, elements={1: AudioLevel(20).write()})
    ear.hear(1, 11.0, ssrc=2)
    levels = {each.ssrc: each.level for each in ear.stream_receiver.statistics()}
    assert levels == {1: AudioLevel(20), 2: None}


def test_ssrcs_of_stream_receiver_are_bounded() -> None:
    ear = Ear()
    for ssrc in range(200):
        ear.hear(1, 10.0 + ssrc, ssrc=ssrc)
        ear.hear(1, 10.0 + ssrc, ssrc=1000 + ssrc, payload_type=97)
    assert len(ear.stream_receiver.statistics()) == SSRC_LIMIT
    assert ear.stream_receiver.ssrc == 199


def test_stream_receiver_uses_changed_parameters() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.configure(replace(ear.parameters, codecs=(PCMU,)), RTCP_SSRC)
    ear.hear(2, 10.02)
    assert ear.heard == [(1, b"1")]
    ear.hear(3, 10.04, payload_type=0)
    ear.stream_receiver.advance(11.0)
    assert ear.frames[-1].codec == PCMU


def test_loss_between_two_transports_is_gap() -> None:
    ear = Ear()
    ear.hear(1, 10.0)
    ear.stream_receiver.restart(10.01)
    ear.hear(3, 10.04)
    ear.stream_receiver.advance(10.5)
    assert [(frame.pts, frame.gap) for frame in ear.frames] == [(0, False), (1920, True)]
