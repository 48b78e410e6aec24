"""Finds how large packets may be that get through: a path may lose the larger ones. PURE.

RFC 8899 has a path probed. Media probes it all the time: transport-wide feedback says which packets
arrive. Where larger ones are lost, all of them, while smaller ones arrive, the path is a black hole
for the larger ones (RFC 8899 section 4.3). So it is where nothing but larger ones was sent, and the
peer has reported nothing at all.
"""

from __future__ import annotations

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
#: Feedback packets in a row in which smaller packets arrived and all larger ones were lost (ours).
SUSPICIONS: Final = 4
#: Larger packets that were lost by then, at least (ours).
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
        self._suspicions = 0
        self._lost = 0

    def __repr__(self) -> str:
        return f"<PacketSizeLimit {self.payload_limit} octets, {self._suspicions} suspicions>"

    def on_sent(self, sizes: Sequence[int], now: MonotonicTime) -> None:
        """Note packets that are sent now, as long as the peer has reported nothing.

        Args:
            sizes: Octets of each packet.
            now: The present time.
        """
        lost = sum(size > self._large for size in sizes)
        if not lost:
            return
        self._lost += lost
        if self._silent_since is None:
            self._silent_since = now
        elif self._lost >= LOST and now >= self._silent_since + ANSWER_TIMEOUT:
            self._set_step(min(self._step + 1, len(PAYLOAD_LIMITS) - 1), now)

    def on_report(self) -> None:
        """Note that the peer has reported on our packets, so that some arrive."""
        if self.unanswered:
            self.unanswered = False
            self._lost = 0

    def update(
        self, arrived: Sequence[AckedPacket], lost: Sequence[int], now: MonotonicTime
    ) -> None:
        """Take the news of one feedback packet.

        Args:
            arrived: Packets that arrived.
            lost: Octets of each packet that did not.
            now: The present time.
        """
        if arrived:
            self.on_report()
        if self._step > 0 and now >= self._changed_at + RAISE_INTERVAL:
            self._set_step(self._step - 1, now)
        if self._step + 1 == len(PAYLOAD_LIMITS) or not (lost or self._suspicions):
            return
        large = self._large
        lost_large = sum(size > large for size in lost)
        if any(size > large for _, _, size in arrived):
            self._suspicions = self._lost = 0
        elif lost_large and arrived:
            self._suspicions += 1
            self._lost += lost_large
            if self._suspicions >= SUSPICIONS and self._lost >= LOST:
                self._set_step(self._step + 1, now)

    def _set_step(self, step: int, now: MonotonicTime) -> None:
        self._step = step
        self._changed_at = now
        self._suspicions = self._lost = 0
        self._silent_since = None
        self.payload_limit = PAYLOAD_LIMITS[step]

    @property
    def _large(self) -> int:
        """Octets that no packet would have under the next limit."""
        return PAYLOAD_LIMITS[min(self._step + 1, len(PAYLOAD_LIMITS) - 1)] + HEADERS
