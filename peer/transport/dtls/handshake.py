"""Drives one DTLS handshake: its client, its retransmissions, its timeout and its failures."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from peer.errors import DtlsError
from peer.states import DtlsRole
from peer.transport.dtls import reasons
from peer.transport.dtls.connection import SMALLER_MTUS, DtlsConnection
from peer.transport.dtls.new_client import COOKIE_SIZE
from peer.transport.dtls.record_filter import (
    BAD_CERTIFICATE,
    ClientHello,
    begins_with_client_hello,
    fatal_alert,
    filter_records,
    has_change_cipher_spec,
    hello_verify_request,
    next_record_number,
    parse_client_hello,
)
from peer.transport.dtls.timer import Timer
from peer.transport.wire.dtls_records import HANDSHAKE_EPOCH, count_records, first_epoch, pack

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.times import Seconds
    from peer.transport.context import TransportContext

#: Seconds of silence after which an alert in clear is believed (ours).
SUSPICION_TIMEOUT: Final = 1.0
#: Bound on the ClientHellos of one client, which sends another one when it was sent a flight that
#: was meant for somebody else's (ours).
MAX_CLIENT_HELLOS: Final = 16
#: Seconds before a flight is sent again for the first time; doubled after each time (RFC 9147
#: section 5.8.2: 100 ms for time-sensitive applications). On a path with a longer round trip it is
#: `ROUND_TRIPS` of it.
FIRST_INTERVAL: Final = 0.1
#: Round trips of the path before a flight is sent again for the first time (libwebrtc's): one for
#: the answer, one for what both ends work out and for what is queued on the way.
ROUND_TRIPS: Final = 2
#: Upper bound of that interval, in seconds (ours).
LONGEST_INTERVAL: Final = 1.6
#: Number of times that a flight is sent again as it was; after that in smaller datagrams, as it may
#: be too large for the path (ours).
COPIES: Final = 2
#: Bound on how often one flight is sent again after the handshake, when the peer shows that it is
#: missing (ours).
MAX_REPEATS: Final = 8
# Bound on the records that OpenSSL buffers for later (OpenSSL's).
_MAX_BUFFERED_RECORDS = 100


class Handshake:
    """Drives a `DtlsConnection` until it is complete, and answers a peer that is behind afterwards.

    Args:
        certificate: Our certificate.
        role: As client, `begin` sends the ClientHello.
        context: Policy, whose timeout runs from `begin` or `expect_peer`, and key log.
        transmit: Sends one datagram; False where there is no path for it at the moment.
        round_trip_time: Gives the round trip that the path has shown, in seconds, or None.
        objection: Says why the certificate that the peer has proven to be its own is not accepted,
            or None where it is, or where that is not known yet.
        on_complete: Called once.
        on_failed: Called with the reason; the caller is to `end` the handshake.
        cookie: As server, take no ClientHello that does not show this cookie; None takes the first.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        role: DtlsRole,
        context: TransportContext,
        transmit: Callable[[bytes], bool],
        round_trip_time: Callable[[], Seconds | None] = lambda: None,
        objection: Callable[[bytes], DtlsError | None] = lambda _: None,
        on_complete: Callable[[DtlsConnection], None],
        on_failed: Callable[[DtlsError], None],
        cookie: bytes | None = None,
    ) -> None:
        self._connect = functools.partial(DtlsConnection, certificate, role, context=context)
        self.connection = self._connect()
        self.complete = False
        self._ended = False
        # The next two are known when the handshake is complete.
        self._acknowledges = False
        self._repeat_on_epoch: int | None = None
        self._role = role
        self._timeout = context.policy.handshake_timeout
        self._embedding = context.embedding
        self._datagrams_taken = 0
        # RFC 5246 section 7.4.9: the server's ChangeCipherSpec follows the client's. One before
        # that, late of a former association, would use up the number of the record that is still
        # to come, and with it every copy of that (RFC 6347 section 4.1.2.6).
        self._accepts_change_cipher_spec = role is DtlsRole.SERVER
        self._client_hellos_sent = 1
        self._client_hello: ClientHello | None = None
        self._demands_cookie = cookie is not None
        self._cookie = cookie or secrets.token_bytes(COOKIE_SIZE)
        self._transmit = transmit
        self._objection = objection
        self._on_complete = on_complete
        self._on_failed = on_failed
        self._flight = Flight(transmit, round_trip_time)
        self._retransmission = Timer(self._retransmit)
        self._deadline = Timer(self._give_up)
        self._suspicion: DtlsError | None = None
        self._suspicion_timer = Timer(self._give_up)

    def __repr__(self) -> str:
        progress = "complete" if self.complete else f"{self._datagrams_taken} datagrams taken"
        return f"<Handshake {self._role.value} {progress}>"

    @property
    def has_begun(self) -> bool:
        """True once a datagram of the peer has fitted into the handshake."""
        return self._datagrams_taken > 0

    def begin(self, *, peer_is_due: bool = True) -> None:
        """Send the ClientHello, and start the timeout where the peer has our description."""
        if peer_is_due:
            self.expect_peer()
        self._step()

    def expect_peer(self) -> None:
        """Start the timeout of the handshake, unless it runs already."""
        if not self.complete and not self._deadline.running:
            self._deadline.start(self._timeout)

    def on_path(self, *, peer_is_due: bool = True) -> None:
        """Send what found no path so far; the timeout starts where the peer has our description."""
        # A ClientHello may come by a path before we know that it is one (RFC 8445 section 12.2),
        # and then there was no path for the answer.
        self._flight.retry()
        if peer_is_due:
            self.expect_peer()

    def receive(self, datagram: bytes) -> bool:
        """Take one datagram, whose application data can then be read from the connection.

        Returns:
            False where the datagram holds nothing that the peer could send at this point.
        """
        if self._embedding is not None:
            self._embedding.acknowledge(datagram)
        if not self.complete:
            return self._receive_clear(datagram)
        self.connection.feed(datagram)
        if (
            self._repeat_on_epoch is not None
            and first_epoch(datagram) == self._repeat_on_epoch
            and not begins_with_client_hello(datagram)
        ):
            # The peer repeats the flight before our last one, so our last one is lost.
            self._flight.repeat()
        return True

    def receive_verified_hello(self, datagram: bytes) -> None:
        """Begin anew with a ClientHello, as server; the caller has compared its cookie.

        One that OpenSSL does not take for the first message of a handshake leads to nothing: its
        sender may be anybody.
        """
        plain = filter_records(datagram, self._role).plain
        client_hello = parse_client_hello(plain)
        if self._role is not DtlsRole.SERVER or self.complete or client_hello is None:
            return
        self._client_hello = client_hello
        try:
            self._begin_with(plain)
        except DtlsError:
            self._client_hello = None
            self._restart()
        else:
            self._take_step()

    def expects(self, datagram: bytes) -> bool:
        """Tell whether a datagram in clear fits in: where two handshakes run, it belongs to one."""
        is_client_hello = begins_with_client_hello(datagram)
        match self._role:
            case DtlsRole.CLIENT:
                return not is_client_hello
            case DtlsRole.SERVER if is_client_hello:
                client_hello = parse_client_hello(datagram)
                return self._client_hello is None or client_hello in (None, self._client_hello)
            case DtlsRole.SERVER:
                return self._datagrams_taken > 0
            case never:
                assert_never(never)

    def new_client(self, datagram: bytes) -> ClientHello | None:
        """Read the ClientHello of another client than ours; None for anything else.

        Only a server looks for one: `a=setup` says who calls (RFC 5763 section 5).
        """
        if self._role is not DtlsRole.SERVER or not begins_with_client_hello(datagram):
            return None
        client_hello = parse_client_hello(datagram)
        if client_hello is None or client_hello.random == self.client_random:
            return None
        return client_hello

    @property
    def client_random(self) -> bytes:
        """Random of the client that we are the server of; empty before it is known."""
        return b"" if self._client_hello is None else self._client_hello.random

    def most_messages(self, datagram: bytes) -> int:
        """Bound the application datagrams that can be read once this one has been taken."""
        # Data that overtook the end of the handshake comes out with it, and in DTLS 1.3 what
        # overtook an ACK or a new key as well.
        withheld = not self.complete or self._acknowledges
        return _MAX_BUFFERED_RECORDS if withheld else count_records(datagram)

    def flush(self) -> None:
        """Send the datagrams that OpenSSL has ready."""
        self._send(self.connection.datagrams())

    def _send(self, datagrams: Sequence[bytes]) -> None:
        if datagrams and not self.complete:
            self._flight.sent(datagrams)
            if self._embedding is not None:
                self._embedding.set_flight(datagrams)
            self._accepts_change_cipher_spec = self._accepts_change_cipher_spec or any(
                map(has_change_cipher_spec, datagrams)
            )
        for datagram in datagrams:
            if not self._transmit(datagram):
                self._flight.unsent()
        if datagrams and self.complete and not self._ended and self._acknowledges:
            # RFC 9147 section 5.8.4: messages after the handshake may wait for an ACK too.
            self._arm_retransmission()

    def stop_retransmitting(self) -> None:
        """Drop our last flight, as the peer has used the keys (RFC 6347 section 4.2.4)."""
        if self.complete:
            self._flight.discard()
            if self._embedding is not None:
                self._embedding.end()

    def end(self) -> None:
        """Send close_notify where there are keys to protect it with, and stop all timers."""
        if self._ended:
            return
        self._ended = True
        if self._embedding is not None:
            self._embedding.set_flight(())
        self._retransmission.cancel()
        self._deadline.cancel()
        self._suspicion_timer.cancel()
        self._flight.discard()
        if self.complete:
            self.connection.shutdown()
            self.flush()

    def _receive_clear(self, datagram: bytes) -> bool:
        is_first = self._role is DtlsRole.SERVER and self._datagrams_taken == 0
        if is_first and not begins_with_client_hello(datagram):
            # Late of a former association. OpenSSL would keep it for when its turn comes (RFC 6347
            # section 4.2.2), and take it for part of this handshake.
            return False
        filtered = filter_records(
            datagram, self._role, accepts_change_cipher_spec=self._accepts_change_cipher_spec
        )
        if filtered.suspicion is not None:
            self._suspect(filtered.suspicion)
        if filtered.plain and self._feed_if_of_our_client(filtered.plain):
            self._take_step()
        # Only now it is known which version is spoken; nothing is protected before both hellos.
        if (
            filtered.unified
            and self._datagrams_taken
            and not self._ended
            and self.connection.acknowledges
        ):
            self.connection.feed(filtered.unified)
            self._take_step()
            return True
        return bool(filtered.plain)

    def _take_step(self) -> None:
        self._datagrams_taken += 1
        self.expect_peer()
        self._step()

    def _epoch_before_last_flight(self) -> int | None:
        """Epoch of the peer's flight before ours, where ours is the last of all; None otherwise."""
        match self._role:
            case DtlsRole.SERVER:
                # In DTLS 1.3 the client's flight is the last, and OpenSSL acknowledges it again.
                return None if self.connection.acknowledges else 0
            case DtlsRole.CLIENT:
                return HANDSHAKE_EPOCH if self.connection.acknowledges else None
            case never:
                assert_never(never)

    def _suspect(self, reason: DtlsError) -> None:
        # No peer can have given up a handshake that has not begun.
        has_begun = self._role is DtlsRole.CLIENT or self._datagrams_taken > 0
        if has_begun and self._suspicion is None:
            self._suspicion = reason
            self._suspicion_timer.start(SUSPICION_TIMEOUT)

    def _feed_if_of_our_client(self, data: bytes) -> bool:
        """Feed the connection, unless the data is another client's ClientHello."""
        client_hello = parse_client_hello(data) if self._role is DtlsRole.SERVER else None
        if client_hello is None or client_hello == self._client_hello:
            self.connection.feed(data)
        elif self._client_hello is None and not self._demands_cookie:
            self._client_hello = client_hello
            self.connection.feed(data)
        elif secrets.compare_digest(client_hello.cookie, self._cookie):
            # Only the peer can read what we send to its address: the first ClientHello was forged.
            self._client_hello = client_hello
            return self._restart(data)
        else:
            # RFC 6347 section 4.2.1. The first ClientHello costs no round trip, as ICE has shown
            # that the peer is at that address; a second one means that somebody uses it besides.
            self._transmit(hello_verify_request(data, cookie=self._cookie))
            return False
        return True

    def _restart(self, client_hello: bytes = b"") -> bool:
        """Begin with a new connection, as server with a ClientHello whose cookie was compared."""
        try:
            self._begin_with(client_hello)
        except DtlsError as error:
            self._on_failed(error)
            return False
        return True

    def _begin_with(self, client_hello: bytes) -> None:
        """Begin with a new connection, and with a ClientHello where there is one.

        Raises:
            DtlsError: OpenSSL does not take it.
        """
        self._retransmission.cancel()
        self._flight.discard()
        self._accepts_change_cipher_spec = self._role is DtlsRole.SERVER
        self.connection = self._connect(verifies_hello=bool(client_hello))
        if client_hello:
            self.connection.feed(client_hello)
            self.connection.listen()

    def _step(self) -> None:
        if self.connection.timeout == 0:
            # OpenSSL sends the flight again as it looks at what came, before our timer does.
            self._make_flight_smaller()
        try:
            complete = self.connection.handshake()
        except reasons.UnprovenError as error:
            self._send_new_client_hello(error)
            return
        except DtlsError as error:
            answered = self._flight.has_datagrams
            self.flush()
            if self._role is DtlsRole.SERVER and not answered and not self._ended:
                # The next ClientHello may be the peer's own.
                self._client_hello = None
                self._restart()
                self._suspect(error)
            else:
                self._on_failed(error)
            return
        # A peer that has given up sends nothing more.
        self._suspicion = None
        self._suspicion_timer.cancel()
        datagrams = self.connection.datagrams()
        objection = self._objection_before(datagrams)
        if objection is not None:
            number = next_record_number(datagrams)
            self._transmit(fatal_alert(BAD_CERTIFICATE, record_number=number))
            self._on_failed(objection)
            return
        # First our last flight, so that the peer has the keys before anything protected by them.
        self._send(datagrams)
        # Sending may have called back into this object, through a link within one process.
        if self._ended or self.complete:
            return
        self._arm_retransmission()
        if complete:
            self.complete = True
            self._acknowledges = self.connection.acknowledges
            self._repeat_on_epoch = self._epoch_before_last_flight()
            self._deadline.cancel()
            self._flight.stop_timer()
            if self._embedding is not None:
                self._embedding.note_complete(answered=self._repeat_on_epoch is None)
            self._on_complete(self.connection)

    def _objection_before(self, flight: Sequence[bytes]) -> DtlsError | None:
        """Object to the peer's certificate before our ChangeCipherSpec is sent.

        OpenSSL's callback for a certificate comes before the peer has signed anything: whoever can
        write the peer's address could end a handshake with a certificate of his own. Before our
        ChangeCipherSpec the peer has proven that it is its own (RFC 5246 sections 7.4.3, 7.4.8),
        and takes an alert in clear. DTLS 1.3 has no such message; its handshake completes.
        """
        if self.connection.acknowledges or not any(map(has_change_cipher_spec, flight)):
            return None
        return self._objection(self.connection.peer_certificate)

    def _send_new_client_hello(self, error: DtlsError) -> None:
        may_send = self._client_hellos_sent < MAX_CLIENT_HELLOS
        if self._role is DtlsRole.CLIENT and may_send:
            # Somebody sent a ClientHello in our name, and the server has answered that one.
            self._client_hellos_sent += 1
            self._restart()
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
        if not self.complete:
            self._make_flight_smaller()
        try:
            self.connection.handle_timeout()
        except DtlsError as error:
            if self._role is DtlsRole.CLIENT and not self.has_begun:
                # OpenSSL gives a ClientHello up after 12 times. How long a peer that may not have
                # our answer is waited for is not its to say.
                self._restart()
                self._step()
            # Afterwards it is consent (RFC 7675) that says whether the peer is still there, not
            # the ACK of a ticket.
            elif not self.complete:
                self._on_failed(error)
            return
        self.flush()
        if not self._ended:
            self._arm_retransmission()

    def _make_flight_smaller(self) -> None:
        if self._flight.has_found_no_path:
            return
        # RFC 9147 section 4.4: a flight that is not answered may be too large for the path.
        smaller = next((size for size in SMALLER_MTUS if size < self.connection.mtu), None)
        if smaller is not None and self._flight.largest > smaller:
            self.connection.mtu = smaller

    def _give_up(self) -> None:
        if self._suspicion is not None:
            self._on_failed(self._suspicion)
        elif self._datagrams_taken == 0:
            self._on_failed(reasons.silent(self._role, self._timeout))
        else:
            self._on_failed(
                reasons.unfinished(self._role, self._timeout, datagrams=self._datagrams_taken)
            )


class Flight:
    """Sends the last flight of a handshake again, sooner than OpenSSL would.

    OpenSSL waits a second before it sends a flight again, and does not answer a flight of the peer
    that it has seen already (RFC 6347 section 4.2.4 would have it answered). RFC 9147 section 5.8.2
    allows time-sensitive applications 100 ms, and browsers take 50. The copies are the same
    records: where the first ones have arrived, the peer's replay protection drops these.

    Args:
        transmit: Sends one datagram.
        round_trip_time: Gives the round trip that the path has shown, in seconds, or None.

    Attributes:
        has_found_no_path: Whether the path refused a datagram of the flight.
    """

    def __init__(
        self, transmit: Callable[[bytes], bool], round_trip_time: Callable[[], Seconds | None]
    ) -> None:
        self._transmit = transmit
        self._round_trip_time = round_trip_time
        self._datagrams: tuple[bytes, ...] = ()
        self._interval = FIRST_INTERVAL
        self._repeats = 0
        self._copies = 0
        self.has_found_no_path = False
        self._timer = Timer(self._on_timer)

    @property
    def has_datagrams(self) -> bool:
        """True once a flight was sent, until it is discarded."""
        return bool(self._datagrams)

    @property
    def largest(self) -> int:
        """Size of the largest datagram of the flight in bytes; 0 where there is none."""
        return max(map(len, self._datagrams), default=0)

    def sent(self, datagrams: Sequence[bytes]) -> None:
        """Note a flight that has just been sent, and send it again until it is answered."""
        self._datagrams = tuple(datagrams)
        self._copies = 0
        self._interval = self._first_interval()
        self.has_found_no_path = False
        self._timer.start(self._interval)

    def unsent(self) -> None:
        """Note that the path refused a datagram of the flight."""
        self.has_found_no_path = True

    def retry(self) -> None:
        """Send a flight that found no path at once, rather than when its interval is over."""
        if self.has_found_no_path:
            self.has_found_no_path = False
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

    def _first_interval(self) -> Seconds:
        round_trip_time = self._round_trip_time() or 0.0
        return min(max(FIRST_INTERVAL, ROUND_TRIPS * round_trip_time), LONGEST_INTERVAL)

    def _on_timer(self) -> None:
        if self.has_found_no_path:
            # It is not the path that has lost it.
            self._timer.start(self._interval)
            self.retry()
            return
        longer = self._first_interval() - self._interval
        if self._copies == 0 and longer > 0:
            # The path has shown since then how long it is.
            self._interval += longer
            self._timer.start(longer)
            return
        self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        self._timer.start(self._interval)
        self._copies += 1
        if self._copies > COPIES and not any(map(has_change_cipher_spec, self._datagrams)):
            # The records themselves stay as large as they are: only OpenSSL cuts messages anew. A
            # ChangeCipherSpec has to stay with what goes before it: one that comes without that is
            # dropped, and all copies of it as replays.
            self._datagrams = tuple(pack(b"".join(self._datagrams), SMALLER_MTUS[0]))
        self._send_again()

    def _send_again(self) -> None:
        for datagram in self._datagrams:
            if not self._transmit(datagram):
                self.unsent()
