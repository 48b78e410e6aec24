"""Sends the sender reports and the BYE of one stream in time (RFC 3550 sections 6.2 to 6.6)."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.rtcp import Goodbye, ReceiverReport, SourceDescription
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.engine.ports import EnginePort
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp.sending import RtpStreamSender
    from peer.times import MonotonicTime

#: Mean seconds between two reports (libwebrtc: 1 for video; RFC 3550 section 6.2 recommends 5).
INTERVAL = 1.0


class SenderReportScheduler:
    """Sends a report about once a second while the stream sends packets, until `stop`.

    Args:
        engine: Sends the reports.
        stream: The stream that is reported on.
        ssrcs: SSRCs of the stream and of its RTX stream.
        cname: Canonical name, shared by all streams of the connection.
        wall_clock: Seconds since 1970.

    Attributes:
        cname: Canonical name for the next report.
    """

    def __init__(
        self,
        engine: EnginePort,
        stream: RtpStreamSender,
        ssrcs: tuple[int, int],
        cname: str,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.cname = cname
        self._engine = engine
        self._stream = stream
        self._ssrcs = ssrcs
        self._wall_clock = wall_clock
        # Packets counted by the last report, and reports since that count has changed.
        self._reported_packets = 0
        self._unchanged = 0
        self._alarm = Alarm(engine.clock, self._report)
        # RFC 3550 section 6.2: the first one comes after half the interval.
        self._alarm.set(engine.clock() + INTERVAL / 2 * _jitter())

    def stop(self) -> None:
        """Stop to report, and send a BYE where packets were sent."""
        self._alarm.cancel()
        counters = self._stream.counters
        if not counters.packets:
            return
        ssrcs = self._ssrcs if counters.retransmitted_packets else self._ssrcs[:1]
        self._engine.send_rtcp((*self._compound(), Goodbye(ssrcs)))

    def _report(self, now: MonotonicTime) -> None:
        self._alarm.set(now + INTERVAL * _jitter())
        packets = self._stream.counters.packets
        # RFC 3550 section 6.4: a sender report is for streams that have sent since the report
        # before the last one.
        self._unchanged = self._unchanged + 1 if packets == self._reported_packets else 0
        self._reported_packets = packets
        if packets and self._unchanged < 2:
            self._engine.send_rtcp(self._compound())

    def _compound(self) -> tuple[RtcpPacket, ...]:
        ssrc = self._ssrcs[0]
        report = self._stream.sender_report(
            now=self._engine.clock(), unix_now=UnixTime(self._wall_clock())
        )
        # RFC 3550 section 6.1: a report comes first, and a CNAME is always there.
        description = SourceDescription(((ssrc, self.cname),))
        return (ReceiverReport(ssrc) if report is None else report), description


def _jitter() -> float:
    # RFC 3550 section 6.3.1: so that participants do not report all at the same moment.
    return random.uniform(0.5, 1.5)
