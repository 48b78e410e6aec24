"""Packets of one container, opened once, for the tracks of a player. For several threads."""

from __future__ import annotations

import errno
import threading
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from media.sources.opening import error_of
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from media.sources.errors import SourceError
    from peer.rtp_parameters import MediaKind

#: Seconds of packets of a track that wait at most (ours).
ROOM = Fraction(5)
#: Bytes of packets of a track that wait at most (ours).
MOST_BYTES = 64 * 1024 * 1024
#: Seconds until a device that had nothing is asked again (aiortc).
_AGAIN = 0.01
#: Seconds after which a track that takes no packets counts as one that nobody reads (ours).
_UNREAD = 1.0


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One packet of a stream, or the end of a repetition of it.

    Args:
        packet: The packet; None where the decoder has to give what it holds, as the file is at its
            end.
        shift: Seconds from the stream's own time to the time of the player.
        after_cut: True if packets before it were left out.
    """

    packet: Packet[Any] | None
    shift: Fraction
    after_cut: bool = False


class PacketFeed:
    """Reads a container as its tracks ask for packets, each on a thread of its own.

    Packets of a track that is read wait; those of one that nobody reads are left out, oldest first,
    so that no more than `ROOM` waits. Where the file is repeated, it is sought anew once all tracks
    that are read have their packets decoded, as libav then flushes the decoders.

    Args:
        container: The open container, which the feed closes.
        where: Its name, for errors.
        streams: The stream of each kind.
        live: True for a device or a camera, which waits for nobody: too many packets are left out.
        loop: True to begin again at the end.
    """

    def __init__(
        self,
        container: InputContainer,
        where: str,
        streams: Mapping[MediaKind, Stream],
        *,
        live: bool,
        loop: bool,
    ) -> None:
        self._container = container
        self._where = where
        self._kinds = {stream.index: kind for kind, stream in streams.items()}
        self._streams = list(streams.values())
        self._live = live
        self._loop = loop
        self._changed = threading.Condition()
        self._queues: dict[MediaKind, deque[FeedItem]] = {kind: deque() for kind in streams}
        self._active: set[MediaKind] = set()
        self._closed: set[MediaKind] = set()
        self._cut: set[MediaKind] = set()
        # Of a file at its end: whose readers were told, and whose have decoded all.
        self._told: set[MediaKind] = set()
        self._drained: set[MediaKind] = set()
        self._packets: Iterator[Packet[Any]] | None = None
        self._reading = False
        self._ended = False
        self._found = False
        self._error: SourceError | None = None
        start: int | None = container.start_time  # None where it is not known
        self._origin = None if start is None else Fraction(start, av.time_base)
        self._lap_start = Fraction(0)
        self._end = Fraction(0)

    def take(self, kind: MediaKind) -> FeedItem | None:
        """Wait for the next packet of a kind and return it; None at the end.

        Raises:
            SourceError: libav cannot read on.
        """
        with self._changed:
            while kind not in self._closed:
                self._active.add(kind)
                queue = self._queues[kind]
                if queue:
                    self._changed.notify_all()
                    return queue.popleft()
                if not self._ended:
                    self._read(kind)
                elif kind not in self._told:
                    self._told.add(kind)
                    return FeedItem(None, self._shift)
                elif self._error is not None:
                    raise self._error
                elif not self._loop or not self._found:
                    return None
                else:
                    self._repeat(kind)
        return None

    def leave(self, kind: MediaKind) -> None:
        """Give no more packets of a kind; it waits for nothing."""
        with self._changed:
            self._closed.add(kind)
            self._queues[kind].clear()
            self._changed.notify_all()

    def close(self, kind: MediaKind) -> None:
        """Give no more packets of a kind, and close the container with the last one."""
        self.leave(kind)
        with self._changed:
            if self._closed < set(self._queues):
                return
            self._changed.wait_for(lambda: not self._reading)
            self._packets = None
            self._container.close()

    @property
    def _shift(self) -> Fraction:
        return self._lap_start - (self._origin or 0)

    def _in_the_way(self, kind: MediaKind) -> set[MediaKind]:
        """The other tracks that have to take packets before more can be read."""
        if self._live:
            return set()
        others = self._active - self._closed - {kind}
        return {other for other in others if self._is_over(self._queues[other])}

    @staticmethod
    def _is_over(queue: deque[FeedItem]) -> bool:
        if len(queue) < 2:
            return False
        if sum(each.packet.size for each in queue if each.packet is not None) > MOST_BYTES:
            return True
        return _time(queue[-1]) - _time(queue[0]) > ROOM

    def _read(self, kind: MediaKind) -> None:
        """Read one packet, or wait for what is in the way of it."""
        if self._reading:
            self._changed.wait()
        elif not (others := self._in_the_way(kind)):
            self._read_one()
        elif not self._changed.wait(_UNREAD):
            self._active -= others

    def _repeat(self, kind: MediaKind) -> None:
        """Begin again, once what was read is decoded."""
        self._drained.add(kind)
        self._changed.notify_all()
        others = self._active - self._closed - self._drained
        if not others:
            self._begin_again()
        elif not self._changed.wait(_UNREAD):
            self._active -= others

    def _read_one(self) -> None:
        """Read one packet, while others may take theirs."""
        self._reading = True
        self._changed.release()
        packet: Packet[Any] | None = None
        error: Exception | None = None
        try:
            packet = self._demuxed()
        except av.error.EOFError:
            packet = None
        except Exception as raised:
            error = raised
        finally:
            self._changed.acquire()
            self._reading = False
            self._changed.notify_all()
        if getattr(error, "errno", None) == errno.EAGAIN:
            self._packets = None
            self._changed.wait(_AGAIN)
        elif error is not None or packet is None:
            self._end_with(error)
        else:
            self._put(packet)

    def _end_with(self, error: Exception | None) -> None:
        self._ended = True
        self._error = None if error is None else error_of(self._where, error)
        self._told.clear()
        self._drained.clear()

    def _demuxed(self) -> Packet[Any] | None:
        if self._packets is None:
            self._packets = self._container.demux(*self._streams)
        packet = next(self._packets, None)
        # The end of each stream is an empty packet.
        return packet if packet is not None and packet.size else None

    def _put(self, packet: Packet[Any]) -> None:
        kind = self._kinds.get(packet.stream.index)
        if kind is None or kind in self._closed:
            return
        time = packet.dts if packet.dts is not None else packet.pts
        if time is not None:
            begin = time * Fraction(packet.time_base)
            if self._origin is None:
                self._origin = begin
            end = begin + (packet.duration or 0) * Fraction(packet.time_base)
            self._end = max(self._end, end + self._shift)
        self._found = True
        queue = self._queues[kind]
        queue.append(FeedItem(packet, self._shift, kind in self._cut))
        self._cut.discard(kind)
        if (self._live or kind not in self._active) and self._is_over(queue):
            # All of them, as what is left out of video is decodable only from a key frame on.
            queue.clear()
            self._cut.add(kind)

    def _begin_again(self) -> None:
        # Who did not take its packets goes on with those of the next lap.
        self._cut |= set(self._queues) - self._drained
        for queue in self._queues.values():
            queue.clear()
        self._lap_start = self._end
        self._ended = self._found = False
        self._packets = None
        try:
            self._container.seek(0)
        except Exception as error:
            self._end_with(error)
            self._told |= set(self._queues)
        self._changed.notify_all()


def _time(item: FeedItem) -> Fraction:
    packet = item.packet
    if packet is None:
        return item.shift
    ticks = packet.dts if packet.dts is not None else packet.pts
    return item.shift + (ticks or 0) * Fraction(packet.time_base)
