"""The RTCP receiver reports of a transport, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.rtp.engine.report_scheduler import INTERVAL, ReportScheduler
from peer.rtp.rtcp import ReceiverReport, ReceptionReport
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.rtcp import RtcpPacket

SSRC = 7


class Transport:
    """Keeps the RTCP that a scheduler sends, with its times."""

    def __init__(self, reports: int, factor: float = 1.0) -> None:
        self.reports = tuple(ReceptionReport(n, 0, 0, 0, 0) for n in range(reports))
        self.sent: list[tuple[float, RtcpPacket]] = []
        clock = asyncio.get_running_loop().time
        self.scheduler = ReportScheduler(
            collect=lambda now: self.reports,
            send=self._send,
            ssrc=lambda: SSRC,
            clock=clock,
            jitter=lambda: factor,
        )
        self._clock = clock

    def _send(self, packets: Sequence[RtcpPacket]) -> bool:
        self.sent += [(self._clock(), packet) for packet in packets]
        return True


@in_virtual_time
async def test_reports_are_sent_each_interval_until_stopped() -> None:
    transport = Transport(1, factor=1.5)
    began = asyncio.get_running_loop().time()
    transport.scheduler.start()
    transport.scheduler.start()
    await asyncio.sleep(10 * INTERVAL)
    transport.scheduler.stop()
    await asyncio.sleep(10 * INTERVAL)
    times = [round(at - began, 3) for at, _ in transport.sent]
    assert times == [1.5 * INTERVAL * (index + 1) for index in range(6)]


@in_virtual_time
async def test_more_than_31_reports_go_in_several_packets() -> None:
    transport = Transport(40)
    transport.scheduler.start()
    await asyncio.sleep(1.5 * INTERVAL)
    transport.scheduler.stop()
    packets = [packet for _, packet in transport.sent if isinstance(packet, ReceiverReport)]
    assert [(packet.ssrc, len(packet.reports)) for packet in packets] == [(SSRC, 31), (SSRC, 9)]


@in_virtual_time
async def test_nothing_is_sent_without_reports() -> None:
    transport = Transport(0)
    transport.scheduler.start()
    await asyncio.sleep(5 * INTERVAL)
    transport.scheduler.stop()
    assert transport.sent == []
