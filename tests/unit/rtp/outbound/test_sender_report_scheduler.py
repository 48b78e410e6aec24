"""Times and contents of sender reports, and the BYE at the end."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from peer.rtp.outbound.sender_report_scheduler import SenderReportScheduler
from peer.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    from_ntp,
)
from peer.rtp.sending import RtpStreamSender
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.rtp.outgoing import RTX, VP8, FakeEngine, agreed

SSRC, RTX_SSRC = 1000, 2000
EPOCH = 1_700_000_000.0


class Reporting:
    """A stream of pictures at 90 kHz, whose wall clock runs with the loop."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.begun = self.engine.clock()
        self.stream = RtpStreamSender(
            MediaKind.VIDEO, agreed(VP8, RTX), ssrc=SSRC, rtx_ssrc=RTX_SSRC
        )
        self.reports = SenderReportScheduler(
            self.engine,
            self.stream,
            (SSRC, RTX_SSRC),
            "us",
            wall_clock=lambda: EPOCH + self.passed,
        )

    @property
    def passed(self) -> float:
        return self.engine.clock() - self.begun

    def send(self) -> None:
        frame = self.stream.make_frame(
            (b"picture",),
            timestamp=round(self.passed * 90_000),
            capture_monotonic=self.engine.clock(),
        )
        assert frame is not None
        self.engine.send_frame(frame)

    async def send_for(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.send()
            await asyncio.sleep(0.1)


@in_virtual_time
async def test_sender_reports_are_sent_about_once_a_second() -> None:
    reporting = Reporting()
    await reporting.send_for(100)
    times = reporting.engine.rtcp_times
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] - reporting.begun < 0.76
    assert 85 <= len(gaps) <= 115
    assert 0.49 < min(gaps) < 0.8
    assert 1.2 < max(gaps) < 1.51


@in_virtual_time
async def test_sent_report_relates_ntp_and_rtp_time() -> None:
    reporting = Reporting()
    await reporting.send_for(3)
    first = reporting.engine.packets[0].timestamp
    for (report, _), at in zip(reporting.engine.rtcp, reporting.engine.rtcp_times, strict=True):
        assert isinstance(report, SenderReport)
        passed = at - reporting.begun
        assert abs(from_ntp(report.ntp_time) - (EPOCH + passed)) < 1e-3
        assert abs((report.rtp_timestamp - first) % 2**32 - passed * 90_000) <= 2


@in_virtual_time
async def test_every_sender_report_comes_with_the_cname() -> None:
    reporting = Reporting()
    await reporting.send_for(2)
    reporting.reports.cname = "another"
    await reporting.send_for(2)
    names = [
        description.chunks[0]
        for compound in reporting.engine.rtcp
        for description in compound
        if isinstance(description, SourceDescription)
    ]
    assert len(names) == len(reporting.engine.rtcp)
    assert (names[0], names[-1]) == ((SSRC, "us"), (SSRC, "another"))


@in_virtual_time
async def test_idle_stream_sends_no_reports() -> None:
    reporting = Reporting()
    await asyncio.sleep(5)
    assert reporting.engine.rtcp == []
    reporting.send()
    await asyncio.sleep(10)
    # The one that tells of the packet, and the one after.
    assert len(reporting.engine.rtcp) == 2
    reporting.send()
    await asyncio.sleep(10)
    assert len(reporting.engine.rtcp) == 4


@in_virtual_time
async def test_bye_comes_last_and_after_a_report() -> None:
    reporting = Reporting()
    reporting.send()
    reporting.reports.stop()
    ((report, description, goodbye),) = reporting.engine.rtcp
    assert isinstance(report, SenderReport)
    assert isinstance(description, SourceDescription)
    assert goodbye == Goodbye((SSRC,))
    await asyncio.sleep(10)
    assert len(reporting.engine.rtcp) == 1


@in_virtual_time
async def test_bye_names_the_rtx_stream_after_retransmissions() -> None:
    reporting = Reporting()
    reporting.send()
    number = reporting.engine.packets[0].sequence_number
    for repair in reporting.stream.on_nack((number,), reporting.engine.clock()):
        reporting.engine.send_frame(repair)
    reporting.reports.stop()
    assert reporting.engine.rtcp[-1][-1] == Goodbye((SSRC, RTX_SSRC))


@in_virtual_time
async def test_stream_without_packets_sends_no_bye() -> None:
    reporting = Reporting()
    reporting.reports.stop()
    assert reporting.engine.rtcp == []


@in_virtual_time
async def test_bye_after_telephone_events_alone_begins_with_a_report() -> None:
    engine = FakeEngine()
    stream = RtpStreamSender(MediaKind.AUDIO, agreed(VP8), ssrc=SSRC, rtx_ssrc=RTX_SSRC)
    reports = SenderReportScheduler(engine, stream, (SSRC, RTX_SSRC), "us")
    event = stream.make_frame((b"tone",), timestamp=0, payload_type=107)
    assert event is not None
    engine.send_frame(event)
    reports.stop()
    assert engine.rtcp[-1][0] == ReceiverReport(SSRC)
