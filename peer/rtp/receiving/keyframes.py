"""Key frames of one received video stream: when to request one, and whether one waits. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.rtp.formats import PayloadFormat
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.packet_buffer import BufferedPacket
    from peer.times import MonotonicTime, Seconds

#: Seconds after which an incomplete video frame counts as stalled: with the lateness of timers a
#: key frame is requested within 300 ms (ours).
STALL_TIMEOUT = 0.25
#: Seconds from the first request to the second (ours).
FIRST_INTERVAL = 0.3
#: Largest seconds between two requests (ours).
LAST_INTERVAL = 0.6
#: Seconds between two looks at a peer that sends no packets at all (ours).
_SILENT_INTERVAL = 1.0
#: Least seconds between any two requests (ours).
_LEAST_INTERVAL = 0.1
#: Limit of the requests to a peer that sends no packets at all (ours).
_SILENT_TRIES = 3


class KeyframeRequestTimer:
    """The times at which to request a key frame of the peer: at once, then ever more rarely.

    The second request goes out after 0.3 s, or after a round trip where that is longer.

    Attributes:
        due: Time of the next request; None where no key frame is needed.
        is_application_waiting: True once the application asked for one, until one comes.
    """

    __slots__ = ("_interval", "_requested_at", "_silent_tries", "due", "is_application_waiting")

    def __init__(self) -> None:
        self.due: MonotonicTime | None = None
        self.is_application_waiting = False
        self._requested_at = float("-inf")
        self._interval = FIRST_INTERVAL
        self._silent_tries = 0

    def need(self, now: MonotonicTime) -> None:
        """Request key frames from now on, where none were requested before."""
        if self.due is None:
            self.due = max(now, self._requested_at + _LEAST_INTERVAL)
            self._interval = FIRST_INTERVAL
            self._silent_tries = 0

    def cancel(self) -> None:
        """Request no key frame any more."""
        self.due = None

    def on_keyframe(self) -> None:
        """Take note that a key frame came: neither stream nor application needs another."""
        self.due = None
        self.is_application_waiting = False

    def take_due(
        self, now: MonotonicTime, *, last_arrival: MonotonicTime, round_trip_time: Seconds
    ) -> bool:
        """True where a request is to go out now; it counts as sent.

        Args:
            now: The present time.
            last_arrival: Arrival of the last packet of the stream.
            round_trip_time: In seconds.
        """
        if self.due is None:
            return False
        if self._silent_tries and last_arrival > self._requested_at:
            # After an outage, requests in which were lost: waiting longer helps nobody.
            self._silent_tries = 0
            self._interval = FIRST_INTERVAL
            self.due = min(self.due, self._requested_at + _LEAST_INTERVAL)
        if now < self.due:
            return False
        self._silent_tries = self._silent_tries + 1 if last_arrival < self._requested_at else 0
        if self._silent_tries >= _SILENT_TRIES:
            # A sender that pauses needs no reminder; it is looked at again later.
            self.due = now + _SILENT_INTERVAL
            return False
        self._requested_at = now
        self.due = now + max(self._interval, 1.5 * round_trip_time + 0.05)
        self._interval = min(self._interval * 2, LAST_INTERVAL)
        return True


class WaitingKeyframe:
    """The last key frame that began among the packets that wait behind a gap.

    Once it is complete, the gap need not be waited for.

    Attributes:
        start: The extended sequence number of its first packet.
        complete: True once all its packets wait.
    """

    __slots__ = ("_checked_to", "_timestamp", "complete", "start")

    def __init__(self) -> None:
        self.start = 0
        self.complete = False
        self._checked_to = 0
        self._timestamp = -1

    def add(self, extended: int, packet: RtpPacket, payload_format: PayloadFormat) -> None:
        """Look whether a packet that waits begins a key frame."""
        if not packet.payload or not payload_format.is_keyframe_start(packet.payload):
            return
        # Several packets of one frame may look like its beginning: the first one is.
        if packet.timestamp == self._timestamp and extended > self.start:
            return
        if packet.timestamp != self._timestamp and self.complete:
            # The earlier key frame is as good, and is here.
            return
        self.start = self._checked_to = extended
        self.complete = False
        self._timestamp = packet.timestamp

    def update(self, waiting: Mapping[int, BufferedPacket]) -> None:
        """Look whether the key frame is complete among the packets that wait now."""
        if self._timestamp >= 0 and self.start not in waiting:
            self.clear()
        if self._timestamp < 0 or self.complete:
            return
        at = self._checked_to
        while (entry := waiting.get(at)) is not None:
            packet = entry[0]
            if packet.marker or packet.timestamp != self._timestamp:
                self.complete = True
                break
            at += 1
        self._checked_to = at

    def clear(self) -> None:
        """Forget the key frame."""
        self.complete = False
        self._timestamp = -1
