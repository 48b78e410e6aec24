"""Schedules the RTCP receiver reports of a transport (RFC 3550 section 6.2)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.rtcp import ReceiverReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.times import MonotonicTime

#: Seconds between two reports. RFC 3550 section 6.2 has 5 s at least; congestion control needs
#: them sooner, and libwebrtc reports on video each second too.
INTERVAL = 1.0
#: Limit of the report blocks in one RTCP packet (RFC 3550 section 6.4.1).
_REPORTS_PER_PACKET = 31


class ReportScheduler:
    """Sends receiver reports about each second while the transport has a receiver.

    Args:
        collect: Gives the reception reports that are due.
        send: Sends RTCP.
        ssrc: Gives the SSRC of the reports.
        clock: The monotonic clock, in seconds.
        jitter: Gives a factor of the interval: RFC 3550 section 6.3.1 has it vary from 0.5 to 1.5,
            so that the reports of many endpoints do not come at once.
    """

    def __init__(
        self,
        *,
        collect: Callable[[MonotonicTime], Iterable[ReceptionReport]],
        send: Callable[[Sequence[RtcpPacket]], bool],
        ssrc: Callable[[], int],
        clock: Callable[[], MonotonicTime],
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5),
    ) -> None:
        self._collect = collect
        self._send = send
        self._ssrc = ssrc
        self._clock = clock
        self._jitter = jitter
        self._alarm = Alarm(clock, self._report)
        self._running = False

    def start(self) -> None:
        """Begin to report, where that has not begun."""
        if not self._running:
            self._running = True
            self._alarm.set(self._clock() + INTERVAL * self._jitter())

    def stop(self) -> None:
        """Send no more reports."""
        self._running = False
        self._alarm.cancel()

    def _report(self, now: MonotonicTime) -> None:
        reports = tuple(self._collect(now))
        for start in range(0, len(reports), _REPORTS_PER_PACKET):
            self._send(
                (ReceiverReport(self._ssrc(), reports[start : start + _REPORTS_PER_PACKET]),)
            )
        self._alarm.set(now + INTERVAL * self._jitter())
