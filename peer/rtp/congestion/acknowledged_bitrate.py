"""Owns at which rate packets lately arrived at the peer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: Seconds that the rate is measured over.
WINDOW = 0.5
#: Seconds; less says nothing.
LEAST = 0.1
#: Feedback that is kept at most.
ENTRIES = 128


class AcknowledgedBitrateEstimator:
    """What got through.

    Attributes:
        bitrate: In bits a second; None while not known.
        sent_bitrate: The one at which the same packets were sent.
        packet_rate: Packets a second.
    """

    def __init__(self) -> None:
        # Of each feedback: when its last packet was sent and arrived, its octets and packets.
        self._entries: deque[tuple[float, float, int, int]] = deque(maxlen=ENTRIES)
        self.bitrate: float | None = None
        self.sent_bitrate: float | None = None
        self.packet_rate = 0.0

    def update(self, packets: Sequence[tuple[float, float, int]]) -> None:
        """Take packets: when each was sent, when it arrived (seconds), and its octets."""
        if not packets:
            return
        entries = self._entries
        sent = max(each[0] for each in packets)
        arrived = max(each[1] for each in packets)
        if entries and not 0 <= arrived - entries[-1][1] < 60:
            # The peer's clock was set.
            entries.clear()
        entries.append((sent, arrived, sum(each[2] for each in packets), len(packets)))
        while len(entries) > 2 and arrived - entries[1][1] >= WINDOW:
            entries.popleft()
        first_sent, first_arrived, first_octets, first_packets = entries[0]
        took = arrived - first_arrived
        if took < LEAST:
            return
        bits = 8 * (sum(each[2] for each in entries) - first_octets)
        self.bitrate = bits / took
        self.packet_rate = (sum(each[3] for each in entries) - first_packets) / took
        self.sent_bitrate = bits / max(sent - first_sent, LEAST)
