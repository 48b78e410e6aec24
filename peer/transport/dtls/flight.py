"""Owns the last flight of a handshake, and sending it again sooner than OpenSSL would.

OpenSSL waits a second before it sends a flight again, and does not answer a flight of the peer
that it has seen already (RFC 6347 section 4.2.4 would have it answered). RFC 9147 section 5.8.2
allows time-sensitive applications 100 ms, and browsers take 50. The copies are the same records:
where the first ones have arrived, the peer's replay protection drops these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peer.transport.dtls.timer import Timer

#: Seconds; doubled after each time.
FIRST_INTERVAL = 0.1
LONGEST_INTERVAL = 1.6

#: How often one flight is sent again after the handshake, when the peer shows that it is missing.
MOST_REPEATS = 8


class Flight:
    """The datagrams of one flight.

    Args:
        transmit: Sends one.
    """

    def __init__(self, transmit: Callable[[bytes], object]) -> None:
        self._transmit = transmit
        self._datagrams: tuple[bytes, ...] = ()
        self._interval = FIRST_INTERVAL
        self._repeats = 0
        self._has_found_no_path = False
        self._timer = Timer(self._on_timer)

    @property
    def waits(self) -> bool:
        """Whether there is one."""
        return bool(self._datagrams)

    def sent(self, datagrams: Sequence[bytes]) -> None:
        """These have just been sent, and an answer is expected."""
        self._datagrams = tuple(datagrams)
        self._interval = FIRST_INTERVAL
        self._has_found_no_path = False
        self._timer.start(self._interval)

    def unsent(self) -> None:
        """Of these there was one that could not be sent."""
        self._has_found_no_path = True

    def retry(self) -> None:
        """There is a path: send at once what found none, rather than when its time has come."""
        if self._has_found_no_path:
            self._has_found_no_path = False
            self._send_again()

    def settle(self) -> None:
        """The handshake is complete at this end; the other may still miss the last flight."""
        self._timer.cancel()
        self._repeats = MOST_REPEATS

    def repeat(self) -> None:
        """The peer has sent again what it sent before the last flight, so it misses that."""
        if self._repeats > 0:
            self._repeats -= 1
            self._send_again()

    def forget(self) -> None:
        """Send nothing any more."""
        self._timer.cancel()
        self._datagrams = ()

    def _on_timer(self) -> None:
        self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        self._timer.start(self._interval)
        self._send_again()

    def _send_again(self) -> None:
        for datagram in self._datagrams:
            self._transmit(datagram)
