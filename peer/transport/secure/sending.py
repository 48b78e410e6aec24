"""Owns what becomes of our packets while one association follows another.

An `Association` is itself a `Sender`; the others stand in its place only as long as they are
needed, so that with one association nothing lies between a packet and its keys.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from peer.states import DtlsTransportState
from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import RETIREMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.transport.dtls.association import Association
    from peer.transport.dtls.counters import Counters

#: What may wait, in packets and in bytes.
MOST_WAITING: Final = 256
MOST_WAITING_BYTES: Final = 256 * 1024

#: A stream that is so near to the wrap of its sequence number keeps the old keys until it is past.
NEAR_WRAP: Final = 512

# Seconds after a switch within which every stream goes over, wrapped or not: well before the peer
# wipes the old keys.
_STRADDLES: Final = RETIREMENT / 2

_SEQUENCE_NUMBERS = 1 << 16
_HALF = _SEQUENCE_NUMBERS // 2


class Sender(Protocol):
    """Sends packets; False and counted where that is not possible now."""

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet."""

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """The same for several in their order; how many were sent."""

    def send_rtcp(self, packet: bytes) -> bool:
        """The same for RTCP."""

    def send_data(self, message: bytes) -> bool:
        """The same for one DTLS application datagram (an SCTP packet)."""


class Nobody:
    """There is no association: what is sent is counted.

    Args:
        counters: Where.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def send_rtp(self, packet: bytes) -> bool:
        """Drop it."""
        return self._drop()

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Drop them."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Drop it."""
        return self._drop()

    def send_data(self, message: bytes) -> bool:
        """Drop it."""
        return self._drop()

    def _drop(self) -> bool:
        self._counters.dropped_unsent += 1
        return False


class _Kind(Enum):
    RTP = auto()
    RTCP = auto()
    DATA = auto()


class Waiting:
    """The old association is closed and the next one not ready: what is sent waits for its keys.

    Where there are too many, the newest go: what was first in the line is what the peer misses.

    Args:
        counters: Where what finds no room is counted.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._queue: deque[tuple[_Kind, bytes]] = deque()
        self._size = 0

    def send_rtp(self, packet: bytes) -> bool:
        """Let it wait."""
        return self._push(_Kind.RTP, packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Let them wait."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Let it wait."""
        return self._push(_Kind.RTCP, packet)

    def send_data(self, message: bytes) -> bool:
        """Let it wait."""
        return self._push(_Kind.DATA, message)

    def release(self, sender: Sender) -> None:
        """Send all in order."""
        for kind, packet in self._taken():
            match kind:
                case _Kind.RTP:
                    sender.send_rtp(packet)
                case _Kind.RTCP:
                    sender.send_rtcp(packet)
                case _Kind.DATA:
                    sender.send_data(packet)

    def forget(self) -> None:
        """Nothing will take it any more."""
        self._counters.dropped_unsent += sum(1 for _ in self._taken())

    def _taken(self) -> Iterator[tuple[_Kind, bytes]]:
        while self._queue:
            kind, packet = self._queue.popleft()
            self._size -= len(packet)
            yield kind, packet

    def _push(self, kind: _Kind, packet: bytes) -> bool:
        if len(self._queue) >= MOST_WAITING or self._size + len(packet) > MOST_WAITING_BYTES:
            self._counters.dropped_unsent += 1
            return False
        self._queue.append((kind, packet))
        self._size += len(packet)
        return True


class _Home(NamedTuple):
    """Where an RTP stream is.

    Args:
        association: Whose keys it has.
        first: Its first sequence number under them.
        before: Whose keys it had before.
    """

    association: Association
    first: int
    before: Association


class Straddling:
    """New keys for all but the RTP streams that are about to wrap their sequence number.

    RFC 3711 section 3.3.1: a receiver counts the wraps, from 0 under new keys. Had a stream wrapped
    right after the switch, and the packets before the wrap been lost, sender and receiver would
    count differently for good. For the same reason what is sent again from before the switch keeps
    the old keys.

    Args:
        old: Sends what stays behind, as long as it can.
        new: Sends the rest.

    Attributes:
        new: As given.
    """

    def __init__(self, old: Association, new: Association) -> None:
        self._homes: dict[bytes, _Home] = {}
        self.switch(old, new)

    def switch(self, old: Association, new: Association) -> None:
        """There are newer keys again; what has stayed behind so far stays where it is."""
        self._old = old
        self.new = new

    def send_rtp(self, packet: bytes) -> bool:
        """Send it under the keys of its stream."""
        number, ssrc = int.from_bytes(packet[2:4]), packet[8:12]
        home = self._homes.get(ssrc)
        if home is None:
            home = _Home(self._old, number, self._old)
        if home.association is self.new:
            is_early = (number - home.first) % _SEQUENCE_NUMBERS >= _HALF
            sends = home.before if is_early and _can_send(home.before) else self.new
        elif number >= _SEQUENCE_NUMBERS - NEAR_WRAP and _can_send(home.association):
            self._homes[ssrc] = home
            sends = home.association
        else:
            self._homes[ssrc] = _Home(self.new, number, home.association)
            sends = self.new
        return sends.send_rtp(packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Send each under the keys of its stream."""
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        """Send it under the new keys: SRTCP carries its whole number (RFC 3711 section 3.4)."""
        return self.new.send_rtcp(packet)

    def send_data(self, message: bytes) -> bool:
        """Send it under the new keys."""
        return self.new.send_data(message)


class Outgoing:
    """What takes our packets now.

    Args:
        counters: Where what cannot be sent is counted.

    Attributes:
        sender: It.
    """

    def __init__(self, counters: Counters) -> None:
        self.sender: Sender = Nobody(counters)
        self._counters = counters
        self._straddles = Timer(self._stop_straddling)

    def use(self, association: Association) -> None:
        """Send with this one's keys, and what waits first."""
        former, self.sender = self.sender, association
        self._straddles.cancel()
        if isinstance(former, Waiting):
            former.release(association)

    def hold(self) -> None:
        """Let wait what is sent."""
        if not isinstance(self.sender, Waiting):
            self.sender = Waiting(self._counters)

    def switch(self, old: Association, new: Association) -> None:
        """Send with the new keys, as far as it is safe and the old ones are there."""
        straddling = self.sender
        if isinstance(straddling, Waiting) or not _can_send(old):
            self.use(new)
            return
        if isinstance(straddling, Straddling):
            straddling.switch(old, new)
        else:
            self.sender = Straddling(old, new)
        self._straddles.start(_STRADDLES)

    def close(self) -> None:
        """Take nothing more, and forget what waits."""
        former, self.sender = self.sender, Nobody(self._counters)
        self._straddles.cancel()
        if isinstance(former, Waiting):
            former.forget()

    def _stop_straddling(self) -> None:
        if isinstance(self.sender, Straddling):
            self.sender = self.sender.new


def _can_send(association: Association) -> bool:
    return association.state is DtlsTransportState.CONNECTED
