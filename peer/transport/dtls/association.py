"""Owns one DTLS association: its handshake, its verification, its keys and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from peer.errors import DtlsError
from peer.identity.fingerprints import Fingerprint, HashFunction, fingerprints_of, select_strongest
from peer.security_policy import EarlyMedia, SecurityPolicy, SrtpProfile
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.adapters.dtls import SrtpKeys
from peer.transport.dtls import reasons
from peer.transport.dtls.connection import DtlsConnection, PeerClosed
from peer.transport.dtls.counters import Counters
from peer.transport.dtls.dropped import Dropped
from peer.transport.dtls.handshake import Handshake
from peer.transport.dtls.held import MOST_HELD, Arrival, Gate, Held
from peer.transport.dtls.receipt import Receipt
from peer.transport.dtls.srtp import Srtp
from peer.transport.dtls.srtp_sender import SrtpSender
from peer.transport.wire.datagrams import DatagramClass, classify

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.transport.dtls.connection import OnSecret
    from peer.transport.interfaces import AssociationEvents
    from peer.transport.tap import Tap

DEFAULT_POLICY = SecurityPolicy()

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = Receipt.PAYLOAD
_UNAUTHENTIC = Receipt.UNAUTHENTIC


class Association:
    """One DTLS association and the SRTP keys that it yields (RFC 5764).

    Datagrams are pushed in and out by plain calls. Nothing reaches `on_rtp`, `on_rtcp` or
    `on_data` before the handshake is complete *and* the peer's certificate has been found to
    match what it announced: RFC 5763 section 5. Until then a bounded number of packets waits;
    with `EarlyMedia.UNVERIFIED` this holds for data, and media needs the handshake only.

    Args:
        certificate: What we show.
        role: Who sends the ClientHello.
        events: Told of everything, synchronously.
        policy: What to accept, what to do with media of an unverified peer, how long to wait.
        on_secret: Told of the keys, where they are to be logged.
        tap: Told of handshake, verification and drops, where the transport is traced.
        clock: Seconds, monotonic, for arrival times.
        number: Names it among the associations of its transport.
        counters: Where to count; several associations may share them. What is received and not
            held is counted by whoever calls `receive`.
        most_held: So many packets, of 1 KiB each on average, may wait.

    Attributes:
        send_rtp: As in `SrtpSender`, like the next two.
        heard: Whether data, or something that had to wait for the keys, has authenticated.
        lingers: Whether the keys outlive a close_notify of the peer, so that late SRTP can still
            be read. They go with `close`.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        role: DtlsRole,
        events: AssociationEvents,
        policy: SecurityPolicy = DEFAULT_POLICY,
        on_secret: OnSecret | None = None,
        tap: Tap | None = None,
        clock: Callable[[], float] = time.monotonic,
        number: int = 0,
        counters: Counters | None = None,
        most_held: int = MOST_HELD,
    ) -> None:
        self.number = number
        self.role = role
        self.error: DtlsError | None = None
        self.counters = Counters() if counters is None else counters
        self.heard = False
        self.lingers = False
        self.version: str | None = None
        self.cipher: str | None = None
        self.srtp_profile: SrtpProfile | None = None
        self.peer_certificate_der: bytes | None = None
        self.verified = False
        self._certificate = certificate
        self._events = events
        self._policy = policy
        self._on_secret = on_secret
        self._tap = tap
        self._dropped = Dropped(self.counters, tap)
        self._needs_srtp = False
        self._clock = clock
        self._state = DtlsTransportState.NEW
        self._handshake: Handshake | None = None
        self._expected: tuple[Fingerprint, ...] = ()
        self._trusted: tuple[Fingerprint, ...] = ()
        self._srtp: Srtp | None = None
        # Of `_srtp`, while nothing else has to be looked at: most of all datagrams are RTP.
        self._unprotect: Callable[[bytes], bytes | None] | None = None
        self._sender = sender = SrtpSender(events, self.counters)
        # Without a call in between: these run for every packet.
        self.send_rtp = sender.send_rtp
        self.send_rtp_all = sender.send_rtp_all
        self.send_rtcp = sender.send_rtcp
        # Before the keys are there, SRTP waits as it came; afterwards, decrypted, for verification.
        self._undecrypted = Held(most_held)
        self._gate = Gate(events, most_held)

    @property
    def state(self) -> DtlsTransportState:
        """`connected` means complete and verified."""
        return self._state

    @property
    def handshaking(self) -> bool:
        """Whether its keys are still to come."""
        return self.peer_certificate_der is None

    @property
    def peer_fingerprint(self) -> Fingerprint | None:
        """SHA-256 of the certificate that the peer has shown."""
        der = self.peer_certificate_der
        return None if der is None else Fingerprint.of_certificate(der, HashFunction.SHA256)

    def start(self) -> None:
        """As client, send the ClientHello; as server, be ready for one."""
        if self._handshake is not None or self._ended:
            return
        self._handshake = Handshake(
            certificate=self._certificate,
            role=self.role,
            policy=self._policy,
            transmit=self._sender.transmit,
            on_complete=self._completed,
            on_failed=self._fail,
            on_secret=self._on_secret,
        )
        if self.role is DtlsRole.CLIENT:
            self._set_state(DtlsTransportState.CONNECTING)
            # The callback may have closed it.
            if not self._ended:
                self._handshake.begin()

    def on_path(self) -> None:
        """There is a path: let the time run within which the handshake has to be complete."""
        if self._handshake is None or not self.handshaking:
            return
        self._handshake.on_path()
        self._set_state(DtlsTransportState.CONNECTING)

    def expects(self, datagram: bytes) -> bool:
        """Whether a datagram in clear fits into the handshake at this point."""
        return self._handshake is not None and self._handshake.expects(datagram)

    def receive(self, datagram: bytes) -> Receipt:
        """Take one datagram from the path; never raises.

        Returns:
            Whether it was this association's.
        """
        # `classify` would say RTP of these: version 2, and no packet type of RTCP.
        if (
            self._unprotect is not None
            and len(datagram) > 1
            and datagram[0] >> 6 == 2
            and datagram[1] >> 5 != 6
        ):
            packet = self._unprotect(datagram)
            if packet is None:
                return _UNAUTHENTIC
            self._events.on_rtp(packet, self._clock())
            return _PAYLOAD
        kind = classify(datagram)
        match kind:
            case DatagramClass.RTP | DatagramClass.RTCP:
                return self._receive_srtp(kind, datagram, self._clock())
            case DatagramClass.DTLS if self._handshake is not None:
                return self._receive_dtls(self._handshake, datagram)
            case _:
                return Receipt.FOREIGN

    def settle(self) -> None:
        """Another association follows: repeat no flight that the peer is known to have.

        In clear, the other handshake could take it for its own.
        """
        is_heard = self.heard or (self._srtp is not None and self._srtp.heard)
        if self._handshake is not None and is_heard:
            self._handshake.settle()

    def trust(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Say whom the description that is still in force names.

        A peer that shows such a certificate again is heard before the description that this
        association belongs to is here. Nothing else follows from it.
        """
        self._trusted = select_strongest(fingerprints, self._policy.accepted_hashes)

    def vouched_for(self, fingerprints: Sequence[Fingerprint]) -> bool:
        """Whether these announce the certificate that the peer has shown."""
        expected = select_strongest(fingerprints, self._policy.accepted_hashes)
        der = self.peer_certificate_der
        return der is not None and not set(fingerprints_of(der, expected)).isdisjoint(expected)

    def verify(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Say what the peer announced; before, during or after the handshake."""
        if self._ended:
            return
        self._expected = select_strongest(fingerprints, self._policy.accepted_hashes)
        if not self._expected:
            self._fail(reasons.no_accepted_hash(fingerprints))
        elif not self.handshaking:
            self._check_fingerprint()

    def require_srtp(self) -> None:
        """Media is to flow: without a common profile, do not connect (RFC 5764 section 4.1.2)."""
        self._needs_srtp = True

    def send_data(self, message: bytes) -> bool:
        """Encrypt and send one application datagram (an SCTP packet); False and counted as RTP."""
        handshake = self._handshake
        if (
            handshake is None
            or self._state is not DtlsTransportState.CONNECTED
            or not handshake.connection.send(message)
        ):
            self.counters.dropped_unsent += 1
            return False
        handshake.flush()
        return True

    def close(self) -> None:
        """Say close_notify and drop the keys; at any moment, any number of times."""
        if self._ended:
            self._drop_keys()
        else:
            self._end(DtlsTransportState.CLOSED)

    @property
    def _ended(self) -> bool:
        return self._state in (DtlsTransportState.CLOSED, DtlsTransportState.FAILED)

    def _receive_dtls(self, handshake: Handshake, datagram: bytes) -> Receipt:
        limit = handshake.most_messages(datagram)
        was_complete = handshake.complete
        if self._state is DtlsTransportState.NEW:
            self._set_state(DtlsTransportState.CONNECTING)
        in_place = self._ended or handshake.receive(datagram)
        if not self._ended and not self.handshaking and self._read(handshake, limit):
            return Receipt.PAYLOAD
        if self._ended or not was_complete:
            return Receipt.HANDSHAKE if in_place else Receipt.OUT_OF_PLACE
        return Receipt.SILENT

    def _completed(self, connection: DtlsConnection) -> None:
        self.version = connection.version
        self.cipher = connection.cipher
        self.peer_certificate_der = connection.peer_certificate
        keys = SrtpKeys(connection.ssl, self.role, self._certificate)
        # A peer with data channels only may offer no SRTP at all (libdatachannel does not).
        if keys.inbound is not None and keys.outbound is not None:
            self._srtp = Srtp(keys.inbound, keys.outbound)
            self.srtp_profile = SrtpProfile(connection.ssl.get_selected_srtp_profile().decode())
        # RFC 5763 section 6.2: as it was chosen, media is handed up before its sender is known.
        if self._policy.early_media is EarlyMedia.UNVERIFIED and not self._expected:
            self._gate.open_for_media()
        if self._tap is not None:
            self._tap.handshake_completed(
                self.role, self.version, self.cipher, self.srtp_profile, association=self.number
            )
        self._events.on_handshake_complete()
        if not self._expected and self.vouched_for(self._trusted):
            self._open_gate()
        while self._undecrypted and not self._ended:
            arrival = self._undecrypted.pop()
            receipt = self._receive_srtp(*arrival)
            self.heard = self.heard or receipt is Receipt.PAYLOAD
            self._dropped(receipt, arrival.payload)
        if not self._ended:
            self._check_fingerprint()

    def _check_fingerprint(self) -> None:
        der, expected = self.peer_certificate_der, self._expected
        if der is None or not expected:
            return
        # RFC 8122 section 5: any one fingerprint of the strongest hash may be the one.
        shown = fingerprints_of(der, expected)
        matches = not set(shown).isdisjoint(expected)
        if self._tap is not None:
            self._tap.fingerprint_checked(
                expected, shown[0], matches=matches, association=self.number
            )
        if not matches:
            # RFC 5763 section 5: a mismatch tears the session down.
            self._fail(reasons.mismatch(expected, shown[0]))
            return
        if self._needs_srtp and self._srtp is None:
            self._fail(reasons.no_srtp(self._policy.srtp_profiles))
            return
        self.verified = True
        if self._srtp is not None:
            self._sender.open(self._srtp)
        self._set_state(DtlsTransportState.CONNECTED)
        if not self._ended:
            self._open_gate()

    def _open_gate(self) -> None:
        self._gate.open()
        # What it hands up may have ended the association.
        if self._gate.is_open and self._srtp is not None:
            self._unprotect = self._srtp.unprotect

    def _read(self, handshake: Handshake, limit: int) -> int:
        """Hand up what DTLS has for us; returns how many messages there were."""
        messages = 0
        try:
            for message in handshake.connection.messages(limit):
                messages += 1
                self.heard = True
                self._deliver(DatagramClass.DTLS, message, self._clock())
                if self._ended:
                    return messages
        except PeerClosed:
            # RFC 5246 section 7.2.1: close_notify is answered with close_notify.
            if self.verified:
                self._end(DtlsTransportState.CLOSED, keeps_keys=self.lingers)
            else:
                self._fail(reasons.closed_early())
        except DtlsError as error:
            self._fail(error)
        else:
            # Whatever was not data may have been answered by OpenSSL itself.
            if messages < limit and not self._ended:
                handshake.flush()
        return messages

    def _receive_srtp(self, kind: DatagramClass, packet: bytes, arrival: float) -> Receipt:
        srtp = self._srtp
        if srtp is None:
            if self._handshake is None or not self.handshaking:
                return Receipt.FOREIGN
            self.counters.dropped_early += self._undecrypted.push(Arrival(kind, packet, arrival))
            return Receipt.HELD
        unprotect = srtp.unprotect if kind is DatagramClass.RTP else srtp.unprotect_rtcp
        plain = unprotect(packet)
        if plain is None:
            return _UNAUTHENTIC
        self._deliver(kind, plain, arrival)
        return _PAYLOAD

    def _deliver(self, kind: DatagramClass, payload: bytes, arrival: float) -> None:
        self.counters.dropped_early += self._gate.deliver(kind, payload, arrival)

    def _fail(self, error: DtlsError) -> None:
        if not self._ended:
            self.error = error
            self._end(DtlsTransportState.FAILED)

    def _end(self, state: DtlsTransportState, *, keeps_keys: bool = False) -> None:
        """Let go of keys, clocks and whatever waits."""
        # First of all, so that whatever the goodbye calls back into finds it ended.
        self._state = state
        self._sender.close()
        handshake, self._handshake = self._handshake, None
        if not keeps_keys:
            self._drop_keys()
        if handshake is not None:
            handshake.end()
        self._events.on_state(state)

    def _drop_keys(self) -> None:
        self._srtp = self._unprotect = None
        self._undecrypted.clear()
        self._gate.shut()

    def _set_state(self, state: DtlsTransportState) -> None:
        if state is not self._state:
            self._state = state
            self._events.on_state(state)
