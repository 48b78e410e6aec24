"""Owns when a sender reports on its stream, and its farewell (RFC 3550 sections 6.2 to 6.6)."""

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

#: Seconds between two reports, on average.
INTERVAL = 1.0


class SenderReports:
    """Reports about once a second while something is sent, for as long as it is not ended.

    Args:
        engine: Takes the reports.
        transmission: The stream.
        ssrcs: Of the stream and of its retransmissions.
        cname: The name that our streams share.
        wall_clock: Seconds since 1970.
    """

    def __init__(
        self,
        engine: EnginePort,
        transmission: RtpStreamSender,
        ssrcs: tuple[int, int],
        cname: str,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.cname = cname
        self._engine = engine
        self._transmission = transmission
        self._ssrcs = ssrcs
        self._wall_clock = wall_clock
        # How many packets the reports have told of, and how many the last one.
        self._told = 0
        self._still = 0
        self._alarm = Alarm(engine.clock, self._report)
        # RFC 3550 section 6.2: the first one comes after half the interval.
        self._alarm.set(engine.clock() + INTERVAL / 2 * _around_1())

    def end(self) -> None:
        """Report no more, and say that the stream has ended where it had begun."""
        self._alarm.cancel()
        counters = self._transmission.counters
        if not counters.packets:
            return
        repaired = bool(counters.retransmitted_packets)
        ssrcs = self._ssrcs if repaired else self._ssrcs[:1]
        self._engine.send_rtcp((*self._compound(), Goodbye(ssrcs)))

    def _report(self, now: float) -> None:
        self._alarm.set(now + INTERVAL * _around_1())
        packets = self._transmission.counters.packets
        # RFC 3550 section 6.4: a sender report is for who has sent since the report before the
        # last one.
        self._still = self._still + 1 if packets == self._told else 0
        self._told = packets
        if packets and self._still < 2:
            self._engine.send_rtcp(self._compound())

    def _compound(self) -> tuple[RtcpPacket, ...]:
        ssrc = self._ssrcs[0]
        report = self._transmission.sender_report(
            now=self._engine.clock(), unix_now=UnixTime(self._wall_clock())
        )
        # RFC 3550 section 6.1: a report comes first, and a CNAME is always there.
        description = SourceDescription(((ssrc, self.cname),))
        return (ReceiverReport(ssrc) if report is None else report), description


def _around_1() -> float:
    # RFC 3550 section 6.3.1: so that not everybody reports at the same moment.
    return random.uniform(0.5, 1.5)
