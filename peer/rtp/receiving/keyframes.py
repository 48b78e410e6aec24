"""Owns when to ask the peer for a picture that can be decoded by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.rtp.formats import PayloadFormat
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.packet_buffer import Item


#: Seconds after which a picture that cannot be completed counts as stalled. With what a timer is
#: late, a key frame is asked for within 300 ms.
STALLED = 0.25
#: Seconds before asking again, at first and at most.
FIRST_AGAIN = 0.3
LAST_AGAIN = 0.6
#: Seconds between two looks at whether a peer that sends nothing does so again.
_SILENT_AGAIN = 1.0
#: The least seconds between two requests, whatever happens.
_APART = 0.1
#: How often a peer is asked that sends nothing at all.
_SILENT_TRIES = 3


class KeyframeRequests:
    """Asks until a key frame comes: at once, after 0.3 s or what a round trip takes, then slower.

    Attributes:
        due: When to ask next, in seconds; None where none is wanted.
        wished: Whether the application asked, so that only a key frame ends it.
    """

    __slots__ = ("_again", "_asked", "_silent", "due", "wished")

    def __init__(self) -> None:
        self.due: float | None = None
        self.wished = False
        self._asked = float("-inf")
        self._again = FIRST_AGAIN
        self._silent = 0

    def want(self, now: float) -> None:
        """One is needed; nothing changes where it was before."""
        if self.due is None:
            self.due = max(now, self._asked + _APART)
            self._again = FIRST_AGAIN
            self._silent = 0

    def cancel(self) -> None:
        """None is needed any more."""
        self.due = None

    def came(self) -> None:
        """A key frame came."""
        self.due = None
        self.wished = False

    def take(self, now: float, *, heard: float, round_trip: float) -> bool:
        """Whether to ask now.

        Args:
            now: In seconds.
            heard: When the last packet came.
            round_trip: In seconds.
        """
        if self.due is None:
            return False
        if self._silent and heard > self._asked:
            # After an outage: what was asked for in it was lost, and more waiting helps nobody.
            self._silent = 0
            self._again = FIRST_AGAIN
            self.due = min(self.due, self._asked + _APART)
        if now < self.due:
            return False
        self._silent = self._silent + 1 if heard < self._asked else 0
        if self._silent >= _SILENT_TRIES:
            # A sender that pauses needs no reminder; it is looked at again later.
            self.due = now + _SILENT_AGAIN
            return False
        self._asked = now
        self.due = now + max(self._again, 1.5 * round_trip + 0.05)
        self._again = min(self._again * 2, LAST_AGAIN)
        return True


class WaitingKeyframe:
    """Follows the last key frame that began among the packets that wait.

    Attributes:
        start: The extended number of its first packet.
        complete: Whether it is whole.
    """

    __slots__ = ("_at", "_timestamp", "complete", "start")

    def __init__(self) -> None:
        self.start = 0
        self.complete = False
        self._at = 0
        self._timestamp = -1

    def saw(self, number: int, packet: RtpPacket, form: PayloadFormat) -> None:
        """A packet waits."""
        if not packet.payload or not form.is_keyframe_start(packet.payload):
            return
        # Several packets of one picture may look like its beginning: the first one is.
        if packet.timestamp == self._timestamp and number > self.start:
            return
        if packet.timestamp != self._timestamp and self.complete:
            # The earlier one is as good, and is there.
            return
        self.start = self._at = number
        self.complete = False
        self._timestamp = packet.timestamp

    def look(self, waiting: Mapping[int, Item]) -> None:
        """Whether the packets of the key frame wait, up to its end."""
        if self._timestamp >= 0 and self.start not in waiting:
            self.clear()
        if self._timestamp < 0 or self.complete:
            return
        at = self._at
        while (item := waiting.get(at)) is not None:
            packet = item[0]
            if packet.marker or packet.timestamp != self._timestamp:
                self.complete = True
                break
            at += 1
        self._at = at

    def clear(self) -> None:
        """There is none."""
        self.complete = False
        self._timestamp = -1
