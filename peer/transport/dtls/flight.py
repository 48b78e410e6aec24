"""Sends the last flight of a DTLS handshake again, sooner than OpenSSL would.

OpenSSL waits a second before it sends a flight again, and does not answer a flight of the peer
that it has seen already (RFC 6347 section 4.2.4 would have it answered). RFC 9147 section 5.8.2
allows time-sensitive applications 100 ms, and browsers take 50. The copies are the same records:
where the first ones have arrived, the peer's replay protection drops these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from peer.transport.dtls.timer import Timer

#: Seconds before a flight is sent again for the first time; doubled after each time (RFC 9147
#: section 5.8.2: 100 ms for time-sensitive applications).
FIRST_INTERVAL: Final = 0.1
#: Upper bound of that interval, in seconds (ours).
LONGEST_INTERVAL: Final = 1.6

#: Bound on how often one flight is sent again after the handshake, when the peer shows that it is
#: missing (ours).
MAX_REPEATS: Final = 8


class Flight:
    """Retransmits the datagrams of one flight (RFC 6347 section 4.2.4).

    Args:
        transmit: Sends one datagram.
    """

    def __init__(self, transmit: Callable[[bytes], object]) -> None:
        self._transmit = transmit
        self._datagrams: tuple[bytes, ...] = ()
        self._interval = FIRST_INTERVAL
        self._repeats = 0
        self._has_found_no_path = False
        self._timer = Timer(self._on_timer)

    @property
    def has_datagrams(self) -> bool:
        """True once a flight was sent, until it is discarded."""
        return bool(self._datagrams)

    def sent(self, datagrams: Sequence[bytes]) -> None:
        """Note a flight that has just been sent, and send it again until it is answered."""
        self._datagrams = tuple(datagrams)
        self._interval = FIRST_INTERVAL
        self._has_found_no_path = False
        self._timer.start(self._interval)

    def unsent(self) -> None:
        """Note that the path refused a datagram of the flight."""
        self._has_found_no_path = True

    def retry(self) -> None:
        """Send a flight that found no path at once, rather than when its interval is over."""
        if self._has_found_no_path:
            self._has_found_no_path = False
            self._send_again()

    def stop_timer(self) -> None:
        """Send the flight again on `repeat` only, as our handshake is complete."""
        self._timer.cancel()
        self._repeats = MAX_REPEATS

    def repeat(self) -> None:
        """Send the flight again for a peer that repeats its own before ours, within a bound."""
        if self._repeats > 0:
            self._repeats -= 1
            self._send_again()

    def discard(self) -> None:
        """Drop the flight and stop its timer."""
        self._timer.cancel()
        self._datagrams = ()

    def _on_timer(self) -> None:
        self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        self._timer.start(self._interval)
        self._send_again()

    def _send_again(self) -> None:
        for datagram in self._datagrams:
            self._transmit(datagram)
