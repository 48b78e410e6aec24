"""Owns the counts of one stream: extended numbers, losses and jitter (RFC 3550 appendix A)."""

from __future__ import annotations

#: RFC 3550 appendix A.1, MAX_DROPOUT: a number further ahead than this needs to be confirmed.
DROPOUT_LIMIT = 3000
#: How many in a row confirm that a sender went back. Two, as appendix A.1 has it for all jumps,
#: are too easily retransmissions of packets that were given up.
BACK_CONFIRMATIONS = 16
#: A leap of the timestamps beyond this many seconds says nothing about the network.
_LEAP = 5.0


class SequenceCounter:
    """Extends the numbers of one SSRC to ones that never wrap, and counts what came and did not.

    Args:
        clock_rate: In hertz; may be set anew where the payload type changes.

    Attributes:
        packets: Received, duplicates and late ones included.
        bytes: Payload of these.
        highest: The extended highest number; it goes on rising over jumps of the peer.
        jumped: Set once the numbers went on elsewhere than expected; whoever looks clears it.
        last_arrival: In seconds.
    """

    __slots__ = (
        "_arrival",
        "_awaited",
        "_base",
        "_confirmed",
        "_expected_before",
        "_jitter",
        "_packets_before",
        "_timestamp",
        "bytes",
        "clock_rate",
        "highest",
        "jumped",
        "last_arrival",
        "packets",
    )

    def __init__(self, clock_rate: int, sequence_number: int) -> None:
        self.clock_rate = clock_rate
        self.packets = 0
        self.bytes = 0
        # Room below, so that packets from before the first one have a number above zero.
        self.highest = 0x10000 + sequence_number - 1
        self.jumped = False
        self.last_arrival = 0.0
        self._base = self.highest
        self._awaited = -1
        self._confirmed = 0
        self._expected_before = 0
        self._packets_before = 0
        self._jitter = 0.0
        self._timestamp = -1
        self._arrival = 0.0

    @property
    def jitter(self) -> float:
        """Interarrival jitter (RFC 3550 section 6.4.1), in seconds."""
        return self._jitter

    @property
    def lost(self) -> int:
        """Expected less received; negative where duplicates came."""
        return self.highest - self._base - self.packets

    def count(self, sequence_number: int, timestamp: int, size: int, arrival: float) -> int:
        """Count a packet.

        Returns:
            Its extended number; -1 where it is too far from all others to be believed yet. Once
            the next one confirms it, it had the number before that one's.
        """
        highest = self.highest
        ahead = (sequence_number - highest) & 0xFFFF
        if 0 < ahead < DROPOUT_LIMIT:
            number = self.highest = highest + ahead
            self._awaited = -1
        else:
            number = self._count_odd(sequence_number, ahead)
            if number < highest:
                if number >= 0:
                    self.packets += 1
                    self.bytes += size
                return number
        self.packets += 1
        self.bytes += size
        self.last_arrival = arrival
        # RFC 3550 appendix A.8 has all packets; those of one picture leave together, so that only
        # the first of them tells of the network (libwebrtc does the same).
        if timestamp != self._timestamp:
            ticks = (timestamp - self._timestamp) & 0xFFFFFFFF
            if ticks >= 0x80000000:
                ticks -= 0x100000000
            drift = arrival - self._arrival - ticks / self.clock_rate
            if drift < 0.0:
                drift = -drift
            if drift < _LEAP and self._timestamp >= 0:
                self._jitter += (drift - self._jitter) / 16.0
            self._timestamp = timestamp
            self._arrival = arrival
        return number

    def continues(self, sequence_number: int) -> bool:
        """Whether it may well follow on those before."""
        return 0 < (sequence_number - self.highest) & 0xFFFF < DROPOUT_LIMIT

    def restart(self, sequence_number: int) -> None:
        """Believe the next number, however far it is from those before."""
        if not self.continues(sequence_number):
            self._go_to(sequence_number)

    def fraction_lost(self) -> int:
        """Of what was expected since the last call, in 256ths (RFC 3550 appendix A.3)."""
        expected = self.highest - self._base
        interval = expected - self._expected_before
        lost = interval - (self.packets - self._packets_before)
        self._expected_before = expected
        self._packets_before = self.packets
        if interval <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // interval)

    def extend(self, sequence_number: int) -> int:
        """The extended number of a packet that is not counted here; the nearest one is meant."""
        ahead = (sequence_number - self.highest) & 0xFFFF
        return self.highest + (ahead if ahead < 0x8000 else ahead - 0x10000)

    def _count_odd(self, sequence_number: int, ahead: int) -> int:
        behind = 0x10000 - ahead if ahead else 0
        # RFC 3550 appendix A.1: far from those before, it is believed once the next one follows.
        # Where the sender went back a little, the same is asked for more often.
        if sequence_number == self._awaited:
            self._confirmed += 1
        else:
            self._confirmed = 1
        self._awaited = (sequence_number + 1) & 0xFFFF
        late = behind < DROPOUT_LIMIT
        if self._confirmed < (BACK_CONFIRMATIONS if late else 2):
            return self.highest - behind if late else -1
        if late:
            self._go_to(sequence_number)
            self.highest += 1
        else:
            self._go_to((sequence_number - 1) & 0xFFFF)
            self.highest += 2
            self.packets += 1
        self.jumped = True
        return self.highest

    def _go_to(self, sequence_number: int) -> None:
        # On to the next number that ends so, as if nothing in between had been expected.
        step = (sequence_number - 1 - self.highest) & 0xFFFF
        self.highest += step
        self._base += step
        self._awaited = -1
        self._confirmed = 0
