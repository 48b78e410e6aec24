"""Finds how large packets may be that get through: a path may lose the larger ones. PURE.

RFC 8899 has a path probed. Media probes it all the time: transport-wide feedback says which packets
arrive. Where larger ones are lost, all of them, while smaller ones arrive, the path is a black hole
for the larger ones (RFC 8899 section 4.3). What it carries lies anywhere between two limits of
ours, so that packets above the next limit may arrive: what counts is those that were larger than
all that arrived. A black hole it is also where nothing but larger ones was sent, and the peer has
reported nothing at all.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.congestion.feedback_adapter import AckedPacket
    from peer.times import MonotonicTime

#: Octets of an RTP payload at most, the first at first (ours). RTP and SRTP add some 50, UDP and IP
#: 28: the last fits into the 576 octets that every IPv4 host takes (RFC 791 section 3.1).
PAYLOAD_LIMITS: Final = (1200, 850, 480)
#: Octets of RTP header and extensions that a packet may have beside its payload (ours).
HEADERS: Final = 32
#: The latest feedback packets, by which the path is judged (ours): one to two seconds.
WINDOW: Final = 20
#: Feedback packets among them with a lost packet that is larger than all that arrived (ours).
SUSPICIONS: Final = 4
#: Lost packets in the window that are larger than all that arrived, at least (ours).
LOST: Final = 8
#: Seconds for which larger packets are sent into silence before smaller ones are tried (ours): the
#: first report of a peer without this feedback may take more than 3 (RFC 3550 section 6.2).
ANSWER_TIMEOUT: Final = 4.0
#: Seconds after which larger packets are tried again (RFC 8899 section 5.1.1: PMTU_RAISE_TIMER).
RAISE_INTERVAL: Final = 600.0


class PacketSizeLimit:
    """Follows which sizes get through, by transport-wide feedback.

    Attributes:
        payload_limit: Octets of an RTP payload at most.
        unanswered: Whether the peer has reported nothing yet, so that `on_sent` is to be called.
    """

    def __init__(self) -> None:
        self.payload_limit = PAYLOAD_LIMITS[0]
        self.unanswered = True
        self._silent_since: MonotonicTime | None = None
        self._step = 0
        self._changed_at: MonotonicTime = 0.0
        #: What arrived and the octets of what did not, in feedback with arrivals: while nothing
        #: arrives, losses say nothing of sizes.
        self._window: deque[tuple[Sequence[AckedPacket], Sequence[int]]] = deque(maxlen=WINDOW)
        #: Large packets that were sent into silence.
        self._sent = 0

    def __repr__(self) -> str:
        return f"<PacketSizeLimit {self.payload_limit} octets>"

    def on_sent(self, sizes: Sequence[int], now: MonotonicTime) -> None:
        """Note packets that are sent now, as long as the peer has reported nothing.

        Args:
            sizes: Octets of each packet.
            now: The present time.
        """
        sent = sum(size > self._large for size in sizes)
        if not sent:
            return
        self._sent += sent
        if self._silent_since is None:
            self._silent_since = now
        elif self._sent >= LOST and now >= self._silent_since + ANSWER_TIMEOUT:
            self._set_step(min(self._step + 1, len(PAYLOAD_LIMITS) - 1), now)

    def on_report(self) -> None:
        """Note that the peer has reported on our packets, so that some arrive."""
        self.unanswered = False

    def update(
        self, arrived: Sequence[AckedPacket], lost: Sequence[int], now: MonotonicTime
    ) -> bool:
        """Take the news of one feedback packet; return True where payloads get smaller by them.

        Args:
            arrived: Packets that arrived.
            lost: Octets of each packet that did not.
            now: The present time.
        """
        if arrived:
            self.on_report()
        if self._step > 0 and now >= self._changed_at + RAISE_INTERVAL:
            self._set_step(self._step - 1, now)
        if not arrived or self._step + 1 == len(PAYLOAD_LIMITS):
            return False
        if self._step:
            # Copies of packets from before are as large as they were, and tell nothing new.
            lost = [size for size in lost if size <= self._largest_sent]
        self._window.append((arrived, lost))
        # Most losses are by chance, and packets of their size arrive beside them.
        if (
            not lost
            or max(lost) <= max(self._large, _largest(arrived))
            or not self._is_black_hole()
        ):
            return False
        self._set_step(self._step + 1, now)
        return True

    def too_large(self, lost: Sequence[int]) -> int:
        """Count lost packets that are larger than what is sent now, where large ones get lost."""
        return sum(size > self._largest_sent for size in lost) if self._step else 0

    def _is_black_hole(self) -> bool:
        # Smaller payloads help those only that are larger than they would be.
        least = max(self._large, *(_largest(arrived) for arrived, _ in self._window))
        larger = [sum(size > least for size in lost) for _, lost in self._window]
        return sum(larger) >= LOST and sum(map(bool, larger)) >= SUSPICIONS

    def _set_step(self, step: int, now: MonotonicTime) -> None:
        self._step = step
        self._changed_at = now
        self._sent = 0
        self._window.clear()
        self._silent_since = None
        self.payload_limit = PAYLOAD_LIMITS[step]

    @property
    def _largest_sent(self) -> int:
        """Octets that no packet has under the present limit, a copy with its own header (ours)."""
        return self.payload_limit + 2 * HEADERS

    @property
    def _large(self) -> int:
        """Octets that no packet would have under the next limit."""
        return PAYLOAD_LIMITS[min(self._step + 1, len(PAYLOAD_LIMITS) - 1)] + HEADERS


def _largest(arrived: Sequence[AckedPacket]) -> int:
    return max(size for _, _, size in arrived)
