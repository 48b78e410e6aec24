"""Thread that opens a live source, reads its packets, and opens it again when it was lost."""

from __future__ import annotations

import logging
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from media.sources.errors import SourceError, UnreadableError
from media.sources.live_positions import LivePositions
from media.sources.live_queue import LivePacket, LiveQueue
from media.sources.opening import SEGMENTED, error_of, open_input, stream_of
from media.sources.stream_decoder import StreamDecoder
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from av.container import InputContainer
    from av.packet import Packet

    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, Seconds

_log = logging.getLogger(__name__)

#: Seconds before a lost source is opened again; they double up to the longest (ours).
_SHORTEST = 0.5
_LONGEST = 8.0
#: Seconds that wait of a source that comes as fast as it is read (ours).
_ROOM = 5.0


class LiveFeed:
    """Reads a live source on a daemon thread, which ends soon after `stop`.

    The callbacks are called on that thread.

    Args:
        where: The address.
        container: libav's name of the format; None to detect it.
        options: libav's options for the format and the protocol.
        decode: True to decode the packets.
        timeout: Seconds to open, and for each read.
        reconnect: Seconds for which a lost source is tried again; 0 to end with it.
        now: Returns the time.
        opened: Called with None, or with the error because of which it could not be opened; only
            the first call counts.
        arrived: Called before each packet is put into the queue.
        lost: Called when the source was lost and is tried again.
        restored: Called when it is there again.

    Attributes:
        kinds: What there is in it, with the codec where nothing is decoded.
        queue: The packets.
        segmented: True if it comes in segments.
        paced: True if it comes as fast as it is read, as its end is known.
    """

    def __init__(
        self,
        where: str,
        *,
        container: str | None,
        options: Mapping[str, str],
        decode: bool,
        timeout: Seconds,
        reconnect: Seconds,
        now: Callable[[], MonotonicTime],
        opened: Callable[[SourceError | None], None],
        arrived: Callable[[], None],
        lost: Callable[[SourceError], None],
        restored: Callable[[], None],
    ) -> None:
        self._where = where
        self._how = container, dict(options)
        self._decode = decode
        self._timeout = timeout
        self._reconnect = reconnect
        self._now = now
        self._opened, self._arrived, self._lost, self._restored = opened, arrived, lost, restored
        self._stopped = threading.Event()
        self._is_first = True
        self._lost_at: MonotonicTime | None = None
        self._pause = _SHORTEST
        self._last_arrival: MonotonicTime | None = None
        self.kinds: dict[MediaKind, Codec | None] = {}
        self.queue = LiveQueue(())
        self.segmented = self.paced = False

    def start(self) -> None:
        """Begin to open the source."""
        threading.Thread(target=self._run, name="read-live", daemon=True).start()

    def stop(self) -> None:
        """End the thread, which closes the source once its present read is over."""
        self._stopped.set()
        self.queue.clear()

    def _run(self) -> None:
        try:
            self._read_until_the_end()
        finally:
            # Whatever happened, nobody waits for what will not come.
            if self._is_first:
                self._opened(UnreadableError(self._where, why="it could not be opened"))
            self.queue.end()

    def _read_until_the_end(self) -> None:
        while not self._stopped.is_set():
            error: SourceError | None = None
            try:
                over = self._play()
            except SourceError as found:
                error, over = found, False
            if self._stopped.is_set():
                return
            if self._is_first:
                self._opened(error)
                return
            if over or not self._may_try_again(error):
                self.queue.end(error)
                return
            self._stopped.wait(self._pause)
            self._pause = min(_LONGEST, self._pause * 2)

    def _play(self) -> bool:
        """Read a source from its opening to its end; return True if nothing more can come.

        Raises:
            SourceError: It cannot be opened, or not be read any more.
        """
        container, options = self._how
        with open_input(
            self._where, container=container, options=options, timeout=self._timeout
        ) as opened:
            decoders = self._decoders(opened)
            if self._is_first:
                self.kinds = {kind: decoders[kind].codec for kind in decoders}
                self.queue = LiveQueue(decoders)
                self.segmented = opened.format.name in SEGMENTED
                self.paced = bool(opened.duration)
                self._is_first = False
                if self._stopped.is_set():
                    return True
                self._opened(None)
            positions = LivePositions(self._start())
            try:
                for packet in opened.demux(*(d for d in map(self._stream(opened), decoders) if d)):
                    if self._stopped.is_set():
                        return True
                    self._put(packet, decoders, positions)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise error_of(self._where, error) from error
            return self.segmented or self.paced

    @staticmethod
    def _stream(opened: InputContainer) -> Callable[[MediaKind], Any]:
        return lambda kind: stream_of(opened, kind)

    def _decoders(self, opened: InputContainer) -> dict[MediaKind, StreamDecoder]:
        decoders: dict[MediaKind, StreamDecoder] = {}
        for kind in MediaKind:
            stream = stream_of(opened, kind)
            if stream is not None and (self._is_first or kind in self.kinds):
                decoders[kind] = StreamDecoder(stream, self._where, decode=self._decode)
        if not decoders:
            raise UnreadableError(self._where, why="there is neither sound nor picture in it")
        return decoders

    def _start(self) -> Fraction:
        """Return the position of what comes first: by the time that has passed since the last."""
        newest = self.queue.newest
        if newest is None or self._last_arrival is None:
            return Fraction(0)
        passed = Fraction(self._now() - self._last_arrival).limit_denominator(90_000)
        return newest + max(passed, Fraction(1, 100))

    def _put(
        self,
        packet: Packet[Any],
        decoders: Mapping[MediaKind, StreamDecoder],
        positions: LivePositions,
    ) -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        if not packet.size or time is None:
            return
        kind = MediaKind(packet.stream.type)
        order = time if packet.dts is None else packet.dts
        shift = positions.shift(kind, order * packet.time_base)
        position = time * packet.time_base + shift
        self._arrived()
        self._last_arrival = self._now()
        if self._lost_at is not None:
            self._lost_at, self._pause = None, _SHORTEST
            self._restored()
        self.queue.put(kind, LivePacket(packet, decoders[kind], position, shift))
        if self.paced:
            self.queue.wait_for_room(_ROOM)

    def _may_try_again(self, error: SourceError | None) -> bool:
        if not self._reconnect:
            return False
        now = self._now()
        if self._lost_at is None:
            self._lost_at = now
            why = error or UnreadableError(self._where, why="it ended")
            _log.warning("a live source was lost, and is tried again: %s", why)
            self._lost(why)
        return now - self._lost_at < self._reconnect
