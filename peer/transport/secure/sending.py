"""Selects the keys under which our packets are sent while one association follows another.

A `DtlsAssociation` is itself a `PacketSender`; the others stand in its place only as long as they
are needed, so that with one association nothing lies between a packet and its keys.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from peer.states import DtlsTransportState
from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import PROBE_TIMES, RETIREMENT_PERIOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peer.transport.dtls.association import DtlsAssociation
    from peer.transport.dtls.counters import Counters

#: Bounds on the packets that are queued until there are new keys, in packets and bytes (ours).
MAX_QUEUED: Final = 256
MAX_QUEUED_BYTES: Final = 256 * 1024

#: Distance from the wrap of its sequence number, in packets, within which a stream keeps the old
#: keys until it has wrapped (ours).
WRAP_MARGIN: Final = 512

# Seconds after a switch within which every stream gets the new keys, wrapped or not: well before
# the peer wipes the old keys (ours).
_LONGEST_WRAP: Final = RETIREMENT_PERIOD / 2

# Number of RTP sequence numbers (RFC 3550 section 5.1).
_SEQUENCE_NUMBERS = 1 << 16
_HALF = _SEQUENCE_NUMBERS // 2


class PacketSender(Protocol):
    """Sends our packets, or returns False and counts them where that is not possible now."""

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet."""

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Protect and send several RTP packets in their order; return how many were sent."""

    def send_rtcp(self, packet: bytes) -> bool:
        """Protect and send an RTCP packet."""

    def send_data(self, message: bytes) -> bool:
        """Encrypt and send one DTLS application datagram (an SCTP packet)."""


class NullSender:
    """Drops and counts our packets, as there is no association.

    Args:
        counters: Counts them as unsent.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def send_rtp(self, packet: bytes) -> bool:
        """Drop an RTP packet."""
        return self._drop()

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Drop several RTP packets."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Drop an RTCP packet."""
        return self._drop()

    def send_data(self, message: bytes) -> bool:
        """Drop an application datagram."""
        return self._drop()

    def _drop(self) -> bool:
        self._counters.dropped_unsent += 1
        return False


class _Kind(Enum):
    RTP = auto()
    RTCP = auto()
    DATA = auto()


class QueueingSender:
    """Queues our packets while the old association is closed and the next one has no keys.

    Where there are too many, the newest are dropped: the peer needs the first ones most.

    Args:
        counters: Counts the packets that find no room as unsent.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._queue: deque[tuple[_Kind, bytes]] = deque()
        self._size = 0

    def send_rtp(self, packet: bytes) -> bool:
        """Queue an RTP packet; False where there is no room."""
        return self._push(_Kind.RTP, packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Queue several RTP packets; return how many found room."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Queue an RTCP packet; False where there is no room."""
        return self._push(_Kind.RTCP, packet)

    def send_data(self, message: bytes) -> bool:
        """Queue an application datagram; False where there is no room."""
        return self._push(_Kind.DATA, message)

    def release(self, sender: PacketSender) -> None:
        """Send all queued packets in order."""
        for kind, packet in self._taken():
            match kind:
                case _Kind.RTP:
                    sender.send_rtp(packet)
                case _Kind.RTCP:
                    sender.send_rtcp(packet)
                case _Kind.DATA:
                    sender.send_data(packet)

    def clear(self) -> None:
        """Drop all queued packets, and count them as unsent."""
        self._counters.dropped_unsent += sum(1 for _ in self._taken())

    def _taken(self) -> Iterator[tuple[_Kind, bytes]]:
        while self._queue:
            kind, packet = self._queue.popleft()
            self._size -= len(packet)
            yield kind, packet

    def _push(self, kind: _Kind, packet: bytes) -> bool:
        if len(self._queue) >= MAX_QUEUED or self._size + len(packet) > MAX_QUEUED_BYTES:
            self._counters.dropped_unsent += 1
            return False
        self._queue.append((kind, packet))
        self._size += len(packet)
        return True


class _StreamKeys(NamedTuple):
    """Keys of one RTP stream after a switch.

    Args:
        association: Association whose keys the stream has.
        first: First sequence number of the stream under these keys.
        before: Association whose keys the stream had before.
    """

    association: DtlsAssociation
    first: int
    before: DtlsAssociation


class WrapSafeSender:
    """Sends under new keys all but the RTP streams that are about to wrap their sequence number.

    RFC 3711 section 3.3.1: a receiver counts the wraps, from 0 under new keys. Had a stream wrapped
    right after the switch, and the packets before the wrap been lost, sender and receiver would
    count differently for good. For the same reason retransmissions of packets from before the
    switch keep the old keys.

    Args:
        old: Sends the streams that are about to wrap, as long as it is connected.
        new: Sends the rest.

    Attributes:
        new: The association whose keys all streams are to have in the end.
    """

    def __init__(self, old: DtlsAssociation, new: DtlsAssociation) -> None:
        self._streams: dict[bytes, _StreamKeys] = {}
        self.switch(old, new)

    def switch(self, old: DtlsAssociation, new: DtlsAssociation) -> None:
        """Use newer keys again; streams that still have older keys keep those until they wrap."""
        self._old = old
        self.new = new

    def send_rtp(self, packet: bytes) -> bool:
        """Send an RTP packet under the keys of its stream."""
        number, ssrc = int.from_bytes(packet[2:4]), packet[8:12]
        keys = self._streams.get(ssrc)
        if keys is None:
            keys = _StreamKeys(self._old, number, self._old)
        if keys.association is self.new:
            is_early = (number - keys.first) % _SEQUENCE_NUMBERS >= _HALF
            sends = keys.before if is_early and _can_send(keys.before) else self.new
        elif number >= _SEQUENCE_NUMBERS - WRAP_MARGIN and _can_send(keys.association):
            self._streams[ssrc] = keys
            sends = keys.association
        else:
            self._streams[ssrc] = _StreamKeys(self.new, number, keys.association)
            sends = self.new
        return sends.send_rtp(packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Send several RTP packets, each under the keys of its stream."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Send RTCP under the new keys: SRTCP carries its whole index (RFC 3711 section 3.4)."""
        return self.new.send_rtcp(packet)

    def send_data(self, message: bytes) -> bool:
        """Send an application datagram under the new keys."""
        return self.new.send_data(message)


class SendKeySelector:
    """Selects what sends our packets now: an association, a queue or nothing.

    Args:
        counters: Counts packets that cannot be sent.

    Attributes:
        sender: Takes our packets now.
    """

    def __init__(self, counters: Counters) -> None:
        self.sender: PacketSender = NullSender(counters)
        self._counters = counters
        self._wrap_timer = Timer(self._stop_wrap_safe)

    def use(self, sender: PacketSender) -> None:
        """Send by a sender, with the keys of an association or in clear; first the queued packets.

        Args:
            sender: Sends all that follows.
        """
        former, self.sender = self.sender, sender
        self._wrap_timer.cancel()
        if isinstance(former, QueueingSender):
            former.release(sender)

    def queue(self) -> None:
        """Queue our packets from now on."""
        if not isinstance(self.sender, QueueingSender):
            self.sender = QueueingSender(self._counters)

    def switch(self, old: DtlsAssociation, new: DtlsAssociation) -> None:
        """Send with the new keys, except for streams that are safer under the old ones."""
        present = self.sender
        if isinstance(present, QueueingSender) or not _can_send(old):
            self.use(new)
            return
        if isinstance(present, WrapSafeSender):
            present.switch(old, new)
        else:
            self.sender = WrapSafeSender(old, new)
        self._wrap_timer.start(_LONGEST_WRAP)

    def close(self) -> None:
        """Drop our packets from now on, queued ones included."""
        former, self.sender = self.sender, NullSender(self._counters)
        self._wrap_timer.cancel()
        if isinstance(former, QueueingSender):
            former.clear()

    def _stop_wrap_safe(self) -> None:
        if isinstance(self.sender, WrapSafeSender):
            self.sender = self.sender.new


class ProbeSchedule:
    """Asks for small packets at `PROBE_TIMES` after the switch, so that the peer sees our new keys.

    Args:
        on_probe: Sends one.
    """

    def __init__(self, on_probe: Callable[[], None]) -> None:
        self._on_probe = on_probe
        self._timer = Timer(self._next)
        self._index = 0

    def begin(self) -> None:
        """Send the first probe now, and the others later."""
        self._index = 0
        self._next()

    def stop(self) -> None:
        """Send no more probes."""
        self._timer.cancel()

    def _next(self) -> None:
        now = PROBE_TIMES[self._index]
        self._index += 1
        if self._index < len(PROBE_TIMES):
            self._timer.start(PROBE_TIMES[self._index] - now)
        self._on_probe()


def _can_send(association: DtlsAssociation) -> bool:
    return association.state is DtlsTransportState.CONNECTED
