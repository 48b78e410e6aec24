"""Owns the course of one DTLS handshake: whose it is, its flights, and its patience."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from peer.errors import DtlsError
from peer.states import DtlsRole
from peer.transport.dtls import reasons
from peer.transport.dtls.connection import DtlsConnection
from peer.transport.dtls.flight import Flight
from peer.transport.dtls.screen import (
    Caller,
    caller_of,
    calls,
    changes,
    hello_verify_request,
    screen,
)
from peer.transport.dtls.timer import Timer
from peer.transport.wire.dtls_records import HANDSHAKE_EPOCH, count_records, first_epoch

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.security_policy import SecurityPolicy
    from peer.transport.dtls.connection import OnSecret

#: Seconds of silence after which an alert in clear is believed.
DOUBT = 1.0
#: How often a client calls anew, because it was sent what was meant for another ClientHello.
MOST_CALLS = 16
_COOKIE_SIZE = 20
# OpenSSL keeps no more records for later.
_MOST_KEPT = 100


class Handshake:
    """Drives a `DtlsConnection` until it is complete, and answers a peer that is behind afterwards.

    Args:
        certificate: What we show.
        role: As client, `begin` sends the ClientHello.
        policy: Its timeout runs from `begin` or `expect_peer`.
        transmit: Sends one datagram; False where there is no path for it at the moment.
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
        transmit: Callable[[bytes], bool],
        on_complete: Callable[[DtlsConnection], None],
        on_failed: Callable[[DtlsError], None],
        on_secret: OnSecret | None = None,
    ) -> None:
        self._connect = functools.partial(
            DtlsConnection, certificate, role, profiles=policy.srtp_profiles, on_secret=on_secret
        )
        self.connection = self._connect()
        self.complete = False
        self._ended = False
        # Known when it is complete.
        self._acknowledges = False
        self._behind: int | None = None
        self._role = role
        self._patience = policy.handshake_timeout
        self._heard = 0
        # RFC 5246 section 7.4.9: the server's ChangeCipherSpec follows the client's. One before
        # that, late of a former association, would use up the number of the record that is still
        # to come, and with it every copy of that (RFC 6347 section 4.1.2.6).
        self._may_change = role is DtlsRole.SERVER
        self._calls = 1
        self._caller: Caller | None = None
        self._cookie = secrets.token_bytes(_COOKIE_SIZE)
        self._transmit = transmit
        self._on_complete = on_complete
        self._on_failed = on_failed
        self._flight = Flight(transmit)
        self._retransmission = Timer(self._retransmit)
        self._deadline = Timer(self._give_up)
        self._doubt: DtlsError | None = None
        self._doubting = Timer(self._give_up)

    def begin(self) -> None:
        """Send the ClientHello."""
        self.expect_peer()
        self._step()

    def expect_peer(self) -> None:
        """Let the time run within which it has to be complete, if it does not already."""
        if not self.complete and not self._deadline.running:
            self._deadline.start(self._patience)

    def on_path(self) -> None:
        """The peer can be reached from now on."""
        # A ClientHello may come by a path before we know that it is one (RFC 8445 section 12.2),
        # and then there was no way for the answer.
        self._flight.retry()
        self.expect_peer()

    def receive(self, datagram: bytes) -> bool:
        """Take one datagram; application data in it is then to be had from the connection.

        Returns:
            False where it holds nothing that the peer could say at this point.
        """
        if not self.complete:
            return self._receive_clear(datagram)
        self.connection.feed(datagram)
        if self._behind is not None and first_epoch(datagram) == self._behind:
            # The peer is still at the flight before our last one, so that is lost.
            self._flight.repeat()
        return True

    def expects(self, datagram: bytes) -> bool:
        """Whether a datagram in clear fits in: where two handshakes run, it belongs to one."""
        call = calls(datagram)
        match self._role:
            case DtlsRole.CLIENT:
                return not call
            case DtlsRole.SERVER if call:
                caller = caller_of(datagram)
                return self._caller is None or caller in (None, self._caller)
            case DtlsRole.SERVER:
                return self._heard > 0
            case never:
                assert_never(never)

    def most_messages(self, datagram: bytes) -> int:
        """How many application datagrams may come out once this one has been taken."""
        # Data that overtook the end of the handshake comes out with it, and in DTLS 1.3 what
        # overtook an ACK or a new key as well.
        withheld = not self.complete or self._acknowledges
        return _MOST_KEPT if withheld else count_records(datagram)

    def flush(self) -> None:
        """Send what OpenSSL has ready."""
        datagrams = self.connection.datagrams()
        if datagrams and not self.complete:
            self._flight.sent(datagrams)
            self._may_change = self._may_change or any(map(changes, datagrams))
        for datagram in datagrams:
            if not self._transmit(datagram):
                self._flight.unsent()
        if datagrams and self.complete and not self._ended and self._acknowledges:
            # RFC 9147 section 5.8.4: what comes after the handshake may wait for an ACK too.
            self._arm_retransmission()

    def settle(self) -> None:
        """The peer has used the keys, so that it has our last flight (RFC 6347 section 4.2.4)."""
        if self.complete:
            self._flight.forget()

    def end(self) -> None:
        """Say close_notify where there are keys to say it with, and stop all clocks."""
        if self._ended:
            return
        self._ended = True
        self._retransmission.cancel()
        self._deadline.cancel()
        self._doubting.cancel()
        self._flight.forget()
        if self.complete:
            self.connection.shutdown()
            self.flush()

    def _receive_clear(self, datagram: bytes) -> bool:
        if self._role is DtlsRole.SERVER and self._heard == 0 and not calls(datagram):
            # Late of a former association. OpenSSL would keep it for when its turn comes (RFC 6347
            # section 4.2.2), and take it for part of this handshake.
            return False
        screened = screen(datagram, self._role, may_change=self._may_change)
        if screened.doubt is not None:
            self._begin_to_doubt(screened.doubt)
        if screened.data and self._admits(screened.data):
            self._take_step()
        # Only now it is known which version is spoken; nothing is protected before both hellos.
        if screened.unified and self._heard and not self._ended and self.connection.acknowledges:
            self.connection.feed(screened.unified)
            self._take_step()
            return True
        return bool(screened.data)

    def _take_step(self) -> None:
        self._heard += 1
        self.expect_peer()
        self._step()

    def _epoch_behind(self) -> int | None:
        """Of what the peer sends before our last flight, where that is the last of all."""
        match self._role:
            case DtlsRole.SERVER:
                # In DTLS 1.3 the client's flight is the last, and OpenSSL acknowledges it again.
                return None if self.connection.acknowledges else 0
            case DtlsRole.CLIENT:
                return HANDSHAKE_EPOCH if self.connection.acknowledges else None
            case never:
                assert_never(never)

    def _begin_to_doubt(self, reason: DtlsError) -> None:
        # Nobody can have given up a handshake that has not begun.
        has_begun = self._role is DtlsRole.CLIENT or self._heard > 0
        if has_begun and self._doubt is None:
            self._doubt = reason
            self._doubting.start(DOUBT)

    def _admits(self, data: bytes) -> bool:
        """Feed the connection, unless it is another client that calls."""
        caller = caller_of(data) if self._role is DtlsRole.SERVER else None
        if caller is None or caller == self._caller:
            self.connection.feed(data)
        elif self._caller is None:
            self._caller = caller
            self.connection.feed(data)
        elif secrets.compare_digest(caller.cookie, self._cookie):
            # Only the peer can read what we send to its address: the first call was not its own.
            self._caller = caller
            return self._begin_anew(data)
        else:
            # RFC 6347 section 4.2.1. The first call costs no round trip, as ICE has shown that the
            # peer is at that address; a second one means that somebody uses it besides.
            self._transmit(hello_verify_request(data, self._cookie))
            return False
        return True

    def _begin_anew(self, call: bytes = b"") -> bool:
        self._retransmission.cancel()
        self._flight.forget()
        self._may_change = self._role is DtlsRole.SERVER
        self.connection = self._connect(verifies_hello=bool(call))
        if call:
            self.connection.feed(call)
            try:
                self.connection.listen()
            except DtlsError as error:
                self._on_failed(error)
                return False
        return True

    def _step(self) -> None:
        try:
            complete = self.connection.handshake()
        except reasons.UnprovenError as error:
            self._call_again(error)
            return
        except DtlsError as error:
            answered = self._flight.waits
            self.flush()
            if self._role is DtlsRole.SERVER and not answered and not self._ended:
                # The next call may be the peer's own.
                self._caller = None
                self._begin_anew()
                self._begin_to_doubt(error)
            else:
                self._on_failed(error)
            return
        # A peer that has given up says nothing more.
        self._doubt = None
        self._doubting.cancel()
        # First our last flight, so that the peer has the keys before anything protected by them.
        self.flush()
        # Sending may have called back into this object, through a link within one process.
        if self._ended or self.complete:
            return
        self._arm_retransmission()
        if complete:
            self.complete = True
            self._acknowledges = self.connection.acknowledges
            self._behind = self._epoch_behind()
            self._deadline.cancel()
            self._flight.settle()
            self._on_complete(self.connection)

    def _call_again(self, error: DtlsError) -> None:
        if self._role is DtlsRole.CLIENT and self._calls < MOST_CALLS:
            # Somebody called the server in our name, and it has answered that call.
            self._calls += 1
            self._begin_anew()
            self._step()
        else:
            self.flush()
            self._on_failed(error)

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
            # Afterwards it is consent (RFC 7675) that says whether the peer is still there, not
            # the ACK of a ticket.
            if not self.complete:
                self._on_failed(error)
            return
        self.flush()
        if not self._ended:
            self._arm_retransmission()

    def _give_up(self) -> None:
        if self._doubt is not None:
            self._on_failed(self._doubt)
        elif self._heard == 0:
            self._on_failed(reasons.silent(self._role, self._patience))
        else:
            self._on_failed(reasons.unfinished(self._role, self._patience, self._heard))
