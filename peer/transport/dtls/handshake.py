"""Owns the course of one DTLS handshake: its flights, sending them again, and its patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.errors import DtlsError
from peer.states import DtlsRole
from peer.transport.dtls.connection import DtlsConnection
from peer.transport.dtls.flight import Flight
from peer.transport.dtls.records import first_epoch
from peer.transport.dtls.timer import Timer

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate


class Handshake:
    """Drives a `DtlsConnection` until it is complete, and answers a peer that is behind afterwards.

    Args:
        certificate: What we show.
        role: As client, `begin` sends the ClientHello.
        patience: Seconds from `begin` or `expect_peer` within which it has to be complete.
        transmit: Sends one datagram.
        on_complete: Called once.
        on_failed: Called with the reason; what comes after that is up to `end`.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        role: DtlsRole,
        patience: float,
        transmit: Callable[[bytes], object],
        on_complete: Callable[[DtlsConnection], None],
        on_failed: Callable[[DtlsError], None],
    ) -> None:
        self.connection = DtlsConnection(certificate, role)
        self.complete = False
        self._ended = False
        self._role = role
        self._patience = patience
        self._transmit = transmit
        self._on_complete = on_complete
        self._on_failed = on_failed
        self._flight = Flight(transmit)
        self._retransmission = Timer(self._retransmit)
        self._deadline = Timer(self._give_up)

    def begin(self) -> None:
        """Send the ClientHello."""
        self.expect_peer()
        self._step()

    def expect_peer(self) -> None:
        """Let the time run within which it has to be complete, if it does not already."""
        if not self.complete and not self._deadline.running:
            self._deadline.start(self._patience)

    def receive(self, datagram: bytes) -> None:
        """Take one datagram; application data in it is then to be had from the connection."""
        self.connection.feed(datagram)
        if not self.complete:
            self.expect_peer()
            self._step()
        elif self._role is DtlsRole.SERVER and first_epoch(datagram) == 0:
            # The client is still at its last flight, so ours is lost.
            self._flight.repeat()

    def flush(self) -> None:
        """Send what OpenSSL has ready."""
        datagrams = self.connection.datagrams()
        if datagrams and not self.complete:
            self._flight.sent(datagrams)
        for datagram in datagrams:
            self._transmit(datagram)

    def end(self) -> None:
        """Say close_notify where there are keys to say it with, and stop all clocks."""
        if self._ended:
            return
        self._ended = True
        self._retransmission.cancel()
        self._deadline.cancel()
        self._flight.forget()
        if self.complete:
            self.connection.shutdown()
            self.flush()

    def _step(self) -> None:
        try:
            complete = self.connection.handshake()
        except DtlsError as error:
            self.flush()
            self._on_failed(error)
            return
        # First our last flight, so that the peer has the keys before anything protected by them.
        self.flush()
        # Sending may have called back into this object, through a link within one process.
        if self._ended or self.complete:
            return
        self._arm_retransmission()
        if complete:
            self.complete = True
            self._deadline.cancel()
            self._flight.settle()
            self._on_complete(self.connection)

    def _arm_retransmission(self) -> None:
        timeout = self.connection.timeout
        if timeout is None:
            self._retransmission.cancel()
        else:
            self._retransmission.start(timeout)

    def _retransmit(self) -> None:
        try:
            self.connection.handle_timeout()
        except DtlsError as error:
            self._on_failed(error)
            return
        self.flush()
        if not self._ended:
            self._arm_retransmission()

    def _give_up(self) -> None:
        self._on_failed(
            DtlsError(f"the DTLS handshake was not complete after {self._patience:g} s")
        )
