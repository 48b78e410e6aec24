"""Owns how often the peer is told how its streams arrive (RFC 3550 section 6.2)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.rtcp import ReceiverReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peer.rtp.rtcp import ReceptionReport, RtcpPacket

#: Seconds. RFC 3550 section 6.2 has 5 s at least; webrtc's rates need to be known sooner, and
#: libwebrtc reports on pictures each second too.
INTERVAL = 1.0
#: RFC 3550 section 6.4.1: a packet has room for so many reports.
_REPORTS = 31


class ReportScheduler:
    """Sends receiver reports about each second while there is somebody to report on.

    Args:
        collect: Gives the reports that are due.
        send: Takes what to send.
        ssrc: Whom the reports are from.
        clock: Seconds, monotonic.
        jitter: A factor of the interval: RFC 3550 section 6.3.1 has it vary from 0.5 to 1.5, so
            that reports of many do not come all at once.
    """

    def __init__(
        self,
        *,
        collect: Callable[[float], Iterable[ReceptionReport]],
        send: Callable[[Sequence[RtcpPacket]], bool],
        ssrc: Callable[[], int],
        clock: Callable[[], float],
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
        """There is somebody to report on."""
        if not self._running:
            self._running = True
            self._alarm.set(self._clock() + INTERVAL * self._jitter())

    def stop(self) -> None:
        """There is nobody any more."""
        self._running = False
        self._alarm.cancel()

    def _report(self, now: float) -> None:
        reports = tuple(self._collect(now))
        for start in range(0, len(reports), _REPORTS):
            self._send((ReceiverReport(self._ssrc(), reports[start : start + _REPORTS]),))
        self._alarm.set(now + INTERVAL * self._jitter())
