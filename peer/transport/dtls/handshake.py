"""Owns the course of one DTLS handshake: its flights, sending them again, and its patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.errors import DtlsError
from peer.states import DtlsRole
from peer.transport.dtls import reasons
from peer.transport.dtls.connection import DtlsConnection
from peer.transport.dtls.flight import Flight
from peer.transport.dtls.records import begins_with_client_hello, first_epoch
from peer.transport.dtls.timer import Timer

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.security_policy import SecurityPolicy
    from peer.transport.dtls.connection import OnSecret


class Handshake:
    """Drives a `DtlsConnection` until it is complete, and answers a peer that is behind afterwards.

    Args:
        certificate: What we show.
        role: As client, `begin` sends the ClientHello.
        policy: Its timeout runs from `begin` or `expect_peer`.
        transmit: Sends one datagram.
        on_complete: Called once.
        on_failed: Called with the reason; what comes after that is up to `end`.
        on_secret: Told of the keys, where they are to be logged.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        role: DtlsRole,
        policy: SecurityPolicy,
        transmit: Callable[[bytes], object],
        on_complete: Callable[[DtlsConnection], None],
        on_failed: Callable[[DtlsError], None],
        on_secret: OnSecret | None = None,
    ) -> None:
        self.connection = DtlsConnection(
            certificate, role, profiles=policy.srtp_profiles, on_secret=on_secret
        )
        self.complete = False
        self._ended = False
        self._role = role
        self._patience = policy.handshake_timeout
        self._heard = 0
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
            self._heard += 1
            self.expect_peer()
            self._step(begins_with_client_hello(datagram))
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

    def _step(self, called: bool = False) -> None:
        try:
            complete = self.connection.handshake()
        except DtlsError as error:
            self.flush()
            both_call = called and self._role is DtlsRole.CLIENT
            self._on_failed(reasons.both_clients() if both_call else error)
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
        if self._heard == 0:
            self._on_failed(reasons.silent(self._role, self._patience))
        else:
            self._on_failed(reasons.unfinished(self._role, self._patience, self._heard))
