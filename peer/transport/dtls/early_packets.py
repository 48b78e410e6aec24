"""Buffers packets that come before the keys, or before the peer is verified, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from peer.transport.wire.demux import DatagramClass

if TYPE_CHECKING:
    from peer.times import MonotonicTime
    from peer.transport.interfaces import PacketHandlers

#: Packets that a first association buffers, of 1 KiB each on average (ours).
MAX_EARLY_PACKETS = 64


class EarlyPacket(NamedTuple):
    """One packet that waits for keys or verification.

    Args:
        kind: RTP, RTCP, or DTLS for an application datagram.
        payload: The packet, protected or not.
        arrival: Time of arrival in seconds, monotonic.
    """

    kind: DatagramClass
    payload: bytes
    arrival: MonotonicTime


class EarlyPacketBuffer:
    """Queue of early packets that drops the oldest where there are too many.

    Args:
        packets: Bound on their number.
        size: Bound on their sum in bytes; 1 KiB for each packet where None.
    """

    def __init__(self, *, packets: int = MAX_EARLY_PACKETS, size: int | None = None) -> None:
        self._packets = packets
        self._size = packets * 1024 if size is None else size
        self._used = 0
        self._queue: list[EarlyPacket] = []

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, packet: EarlyPacket) -> int:
        """Append one packet and return how many of the oldest had to go."""
        self._queue.append(packet)
        self._used += len(packet.payload)
        dropped = 0
        while len(self._queue) > self._packets or self._used > self._size:
            self.pop()
            dropped += 1
        return dropped

    def pop(self) -> EarlyPacket:
        """Remove and return the oldest packet."""
        packet = self._queue.pop(0)
        self._used -= len(packet.payload)
        return packet

    def clear(self) -> None:
        """Drop all packets, uncounted."""
        self._queue.clear()
        self._used = 0


class UnverifiedMediaBuffer:
    """Delivers decrypted packets in order, but buffers them until the peer is verified.

    RFC 5763 section 5: a packet of a peer whose certificate does not match is never handed up.

    Args:
        handlers: Take the packets.
        packets: Bound on the number that may wait.
    """

    def __init__(self, handlers: PacketHandlers, packets: int = MAX_EARLY_PACKETS) -> None:
        self._handlers = handlers
        self._waiting = EarlyPacketBuffer(packets=packets)
        self._wanted_open = False
        self._is_open = False
        self._is_open_for_media = False

    @property
    def is_open(self) -> bool:
        """True while packets are delivered at once."""
        return self._is_open

    def deliver(self, kind: DatagramClass, payload: bytes, arrival: MonotonicTime) -> int:
        """Deliver or buffer one packet, and return how many of those buffered had to go."""
        early = self._is_open_for_media and kind is not DatagramClass.DTLS
        if not (self._is_open or early):
            return self._waiting.push(EarlyPacket(kind, payload, arrival))
        self._hand_up(kind, payload, arrival)
        return 0

    def open_for_media(self) -> None:
        """Deliver RTP and RTCP, but buffer data: SCTP would have to be answered to be of use."""
        self._is_open_for_media = True

    def open(self) -> None:
        """Deliver all buffered packets, and from then on each as it comes."""
        self._wanted_open = True
        # Open only when all is out: packets that a callback makes arrive meanwhile have to queue.
        while self._waiting and self._wanted_open:
            self._hand_up(*self._waiting.pop())
        self._is_open = self._wanted_open

    def close(self) -> None:
        """Drop the buffered packets and deliver nothing more, even while `open` is at work."""
        self._wanted_open = self._is_open = self._is_open_for_media = False
        self._waiting.clear()

    def _hand_up(self, kind: DatagramClass, payload: bytes, arrival: MonotonicTime) -> None:
        match kind:
            case DatagramClass.RTP:
                self._handlers.on_rtp(payload, arrival)
            case DatagramClass.RTCP:
                self._handlers.on_rtcp(payload)
            case _:
                self._handlers.on_data(payload)
