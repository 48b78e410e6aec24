"""Owns seeing that a whole key frame waits behind a gap, so that the gap need not be waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.rtp.formats import PayloadFormat
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.ordering import Item


class KeyframeWatch:
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
