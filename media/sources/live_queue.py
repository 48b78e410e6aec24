"""Bounded queues of a live source's packets, from the thread that reads to those that decode."""

from __future__ import annotations

import threading
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from peer.rtp_parameters import MediaKind
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.packet import Packet

    from media.sources.errors import SourceError
    from media.sources.stream_decoder import StreamDecoder
    from peer.times import Seconds

#: Seconds and bytes of packets that wait at most (ours).
MOST_SECONDS = 60
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class LivePacket:
    """One packet of a live source.

    Args:
        packet: The packet.
        decoder: What decodes it; another one after the source was lost.
        position: Begin in seconds from the first packet of the source.
        shift: What makes a position of the stream's own time, in seconds.
        after_cut: True if packets before it were left out.
    """

    packet: Packet[Any]
    decoder: StreamDecoder
    position: Fraction
    shift: Fraction
    after_cut: bool = False


class LiveQueue:
    """Keeps the packets of each kind until they are taken. For several threads.

    Args:
        kinds: The kinds that are played.
    """

    def __init__(self, kinds: Iterable[MediaKind]) -> None:
        self._changed = threading.Condition()
        self._packets: dict[MediaKind, deque[LivePacket]] = {kind: deque() for kind in kinds}
        self._cut: set[MediaKind] = set()
        self._bytes = 0
        self._newest: Fraction | None = None
        self._over = False
        self._error: SourceError | None = None

    @property
    def newest(self) -> Fraction | None:
        """The position of the newest packet so far; None before the first."""
        return self._newest

    def put(self, kind: MediaKind, packet: LivePacket) -> None:
        """Add a packet to those that wait; of too many, the oldest of its kind are left out."""
        with self._changed:
            waiting = self._packets[kind]
            waiting.append(packet)
            self._bytes += packet.packet.size
            self._newest = max(packet.position, self._newest or packet.position)
            while self._is_full(waiting):
                self._leave_out(kind)
            self._changed.notify_all()

    def take(self, kind: MediaKind) -> LivePacket | None:
        """Wait for the next packet and return it; None at the end.

        Raises:
            SourceError: The source was lost for good.
        """
        with self._changed:
            waiting = self._packets[kind]
            self._changed.wait_for(lambda: waiting or self._over)
            if not waiting:
                if self._error is not None:
                    raise self._error
                return None
            found = waiting.popleft()
            self._bytes -= found.packet.size
            self._changed.notify_all()
            if kind not in self._cut:
                return found
            self._cut.discard(kind)
            return replace(found, after_cut=True)

    def go_on_at(self, position: Fraction, *, decoded: bool) -> Fraction:
        """Leave out what lies before a position, and return where it goes on.

        Video goes on at the key frame before; where it is not decoded, that is the position
        returned, and the newest key frame is taken.
        """
        with self._changed:
            keys = [
                each.position for each in self._packets.get(MediaKind.VIDEO, ()) if _is_key(each)
            ]
            if MediaKind.VIDEO in self._packets:
                usable = [key for key in keys if key <= position] if decoded else keys
                begin = max(usable, default=Fraction(-1))
                self._leave_out_before(MediaKind.VIDEO, begin)
                if not decoded and usable:
                    position = begin
            if MediaKind.AUDIO in self._packets:
                self._leave_out_before(MediaKind.AUDIO, position)
            return position

    def wait_for_room(self, seconds: Seconds) -> None:
        """Wait until less than that waits, for a source that comes as fast as it is read."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._length() < seconds)

    def end(self, error: SourceError | None = None) -> None:
        """Give what waits, and then the end or an error."""
        with self._changed:
            if not self._over:
                self._over, self._error = True, error
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop all packets and end."""
        with self._changed:
            self._over = True
            for waiting in self._packets.values():
                waiting.clear()
            self._changed.notify_all()

    def _length(self) -> Fraction:
        return max(
            (each[-1].position - each[0].position for each in self._packets.values() if each),
            default=Fraction(0),
        )

    def _is_full(self, waiting: deque[LivePacket]) -> bool:
        if len(waiting) < 2:
            return False
        long = waiting[-1].position - waiting[0].position > MOST_SECONDS
        return long or self._bytes > MOST_BYTES

    def _leave_out_before(self, kind: MediaKind, position: Fraction) -> None:
        waiting = self._packets[kind]
        while waiting and waiting[0].position < position:
            self._drop(kind)

    def _leave_out(self, kind: MediaKind) -> None:
        """Leave out the oldest packet, and what cannot be decoded without it."""
        waiting = self._packets[kind]
        self._drop(kind)
        while kind is MediaKind.VIDEO and len(waiting) > 1 and not _is_key(waiting[0]):
            self._drop(kind)

    def _drop(self, kind: MediaKind) -> None:
        self._bytes -= self._packets[kind].popleft().packet.size
        self._cut.add(kind)


def _is_key(packet: LivePacket) -> bool:
    return packet.packet.is_keyframe
