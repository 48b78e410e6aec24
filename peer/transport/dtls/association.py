"""Runs one DTLS association: its handshake, the peer's verification, its SRTP keys and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from peer.configuration.security_policy import EarlyMedia, SrtpProfile
from peer.errors import DtlsError
from peer.identity.fingerprints import (
    Fingerprint,
    FingerprintCheck,
    HashFunction,
    select_strongest,
)
from peer.identity.shown_certificate import ShownCertificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.adapters.srtp import Srtp, SrtpSession
from peer.transport.context import DEFAULT_CONTEXT
from peer.transport.dtls import reasons
from peer.transport.dtls.connection import DtlsConnection, PeerClosed
from peer.transport.dtls.counters import DROPS, Counters, ReceiveResult
from peer.transport.dtls.early_packets import (
    MAX_EARLY_PACKETS,
    EarlyPacket,
    EarlyPacketBuffer,
    UnverifiedMediaBuffer,
)
from peer.transport.dtls.handshake import Handshake
from peer.transport.dtls.timer import Timer
from peer.transport.wire.demux import DatagramClass, classify

if TYPE_CHECKING:
    from peer.errors import PeerTrustError
    from peer.identity.certificate import Certificate
    from peer.times import MonotonicTime, Seconds
    from peer.transport.context import TransportContext
    from peer.transport.interfaces import AssociationEvents, DatagramSender, PacketHandlers

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = ReceiveResult.PAYLOAD
_UNAUTHENTIC = ReceiveResult.UNAUTHENTIC


class DtlsAssociation:
    """One DTLS association and the SRTP keys that it yields (RFC 5764).

    Datagrams are pushed in and out by plain calls. No packet reaches `handlers` before the
    handshake is complete *and* the peer's certificate has been found to match what it announced:
    RFC 5763 section 5. Until then a bounded number of packets is buffered; with
    `EarlyMedia.UNVERIFIED` this holds for data, and media needs the handshake only.

    Args:
        certificate: Our certificate.
        role: The client sends the ClientHello.
        path: Sends our datagrams, DTLS and SRTP.
        handlers: Take the decrypted packets.
        events: Told of states and of the end of the handshake, synchronously.
        context: Policy, clock, trace and key log of the transport.
        number: Tells the association from others of its transport.
        counters: Shared with other associations of the transport. The caller of `receive` counts
            datagrams received and results other than `BUFFERED`.
        max_early_packets: Packets, of 1 KiB each on average, that may be buffered.
        cookie: As server, take no ClientHello that does not show this cookie.
        round_trip_time: Gives the round trip that the path has shown, in seconds, or None.

    Attributes:
        client_random: Random of the ClientHello that the handshake was made with, as server.
        send_rtp: `SrtpSender.send_rtp`, without a call in between; so the next two.
        authenticated: Whether data, or a packet that had to wait for the keys, has authenticated.
        fingerprint_check: Verdict on the peer's certificate under the fingerprints given last;
            None before both are known.
        verified: Whether the certificate has matched, and SRTP is there where it is required.
        keeps_keys_after_close: Whether the keys outlive a close_notify of the peer, so that late
            SRTP can still be read. They go with `close`.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        role: DtlsRole,
        path: DatagramSender,
        handlers: PacketHandlers,
        events: AssociationEvents,
        context: TransportContext = DEFAULT_CONTEXT,
        number: int = 0,
        counters: Counters | None = None,
        max_early_packets: int = MAX_EARLY_PACKETS,
        cookie: bytes | None = None,
        round_trip_time: Callable[[], Seconds | None] = lambda: None,
    ) -> None:
        self.number = number
        self.role = role
        self.error: DtlsError | None = None
        self.counters = Counters() if counters is None else counters
        self.authenticated = False
        self.keeps_keys_after_close = False
        self.client_random = b""
        self.version: str | None = None
        self.cipher: str | None = None
        self.srtp_profile: SrtpProfile | None = None
        self.peer_certificate_der: bytes | None = None
        self.fingerprint_check: FingerprintCheck | None = None
        self.verified = False
        self._certificate = certificate
        self._cookie = cookie
        self._round_trip_time = round_trip_time
        self._events = events
        self._context = context
        self._needs_srtp = False
        self._judged = False
        self._state = DtlsTransportState.NEW
        self._handshake: Handshake | None = None
        self._patience = Timer(self._on_patience_over)
        self._expected: tuple[Fingerprint, ...] = ()
        self._preverified: tuple[Fingerprint, ...] = ()
        self._handlers = handlers
        self._clock = context.clock
        self._srtp: Srtp | None = None
        # `Srtp.unprotect` while RTP may be handed up at once: most of all datagrams are RTP.
        self._unprotect: Callable[[bytes], bytes | None] | None = None
        self._sender = sender = SrtpSender(path, self.counters)
        self.send_rtp = sender.send_rtp
        self.send_rtp_all = sender.send_rtp_all
        self.send_rtcp = sender.send_rtcp
        # Before the keys are there, SRTP waits as it came; afterwards, decrypted, for verification.
        self._undecrypted = EarlyPacketBuffer(packets=max_early_packets)
        self._unverified = UnverifiedMediaBuffer(handlers, max_early_packets)

    def __repr__(self) -> str:
        return f"<DtlsAssociation {self.number} {self.role.value} {self._state.value}>"

    @property
    def state(self) -> DtlsTransportState:
        """State as in W3C's RTCDtlsTransport; `connected` means complete and verified."""
        return self._state

    @property
    def handshaking(self) -> bool:
        """True while the handshake has yet to yield keys."""
        return self.peer_certificate_der is None

    @property
    def has_mismatch(self) -> bool:
        """True where the peer has shown another certificate than it signalled."""
        return self.fingerprint_check is not None and not self.fingerprint_check.matches

    @property
    def peer_fingerprint(self) -> Fingerprint | None:
        """SHA-256 fingerprint of the certificate that the peer has shown."""
        der = self.peer_certificate_der
        return None if der is None else Fingerprint.of_certificate(der, HashFunction.SHA256)

    @property
    def peer_chain_der(self) -> tuple[bytes, ...]:
        """Certificate that the peer has shown, and those of its issuers, in DER."""
        if self._handshake is None or self.peer_certificate_der is None:
            return ()
        return self.peer_certificate_der, *self._handshake.connection.peer_chain

    def start(self, *, before_path: bool = False) -> None:
        """Send the ClientHello as client, or be ready for one as server.

        Args:
            before_path: There is no path yet, but checks of ICE carry the ClientHello.
        """
        if self._handshake is not None or self._ended:
            return
        self._handshake = Handshake(
            certificate=self._certificate,
            role=self.role,
            context=self._context,
            transmit=self._sender.transmit,
            round_trip_time=self._round_trip_time,
            cookie=self._cookie,
            objection=self._objection,
            on_complete=self._completed,
            on_failed=self._fail,
        )
        if self.role is DtlsRole.CLIENT:
            self._set_state(DtlsTransportState.CONNECTING)
            # The callback may have closed it.
            if not self._ended:
                peer_is_due = not (before_path or self._patience.running)
                self._handshake.begin(peer_is_due=peer_is_due)

    def await_peer(self) -> None:
        """Wait for a peer who may not have our answer yet, as long as the policy bounds it."""
        if self.handshaking and not self._ended:
            self._patience.start(self._context.policy.connect_timeout)

    def on_path(self, *, peer_is_due: bool = True) -> None:
        """Send what found no path so far, as there is one to the peer now.

        Args:
            peer_is_due: The peer has our description, so that the handshake timeout starts.
        """
        if self._handshake is None or not self.handshaking:
            return
        if peer_is_due:
            self._patience.cancel()
        self._handshake.on_path(peer_is_due=peer_is_due)
        self._set_state(DtlsTransportState.CONNECTING)

    def expects(self, datagram: bytes) -> bool:
        """Tell whether a DTLS datagram in clear fits into the handshake at this point."""
        return self._handshake is not None and self._handshake.expects(datagram)

    def receive(self, datagram: bytes) -> ReceiveResult:
        """Take one datagram from the path; never raises."""
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
            self._handlers.on_rtp(packet, self._clock())
            return _PAYLOAD
        kind = classify(datagram)
        match kind:
            case DatagramClass.RTP | DatagramClass.RTCP:
                return self._receive_srtp(kind, datagram, self._clock())
            case DatagramClass.DTLS if self._handshake is not None:
                return self._receive_dtls(self._handshake, datagram)
            case _:
                return ReceiveResult.UNEXPECTED

    def receive_verified_hello(self, datagram: bytes) -> None:
        """Take a ClientHello whose cookie the caller has compared, as the first of its client."""
        if self._handshake is None or not self.handshaking:
            return
        self._set_state(DtlsTransportState.CONNECTING)
        if self._handshake is not None:
            self._handshake.receive_verified_hello(datagram)

    def stop_retransmitting(self) -> None:
        """Repeat no flight that the peer is known to have, as another association follows.

        In clear, the other handshake could take the flight for its own.
        """
        authenticated = self.authenticated or (self._srtp is not None and self._srtp.authenticated)
        if self._handshake is not None and authenticated:
            self._handshake.stop_retransmitting()

    def preverify(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Set the fingerprints of the description that is still in force.

        Packets of a peer that shows such a certificate again are delivered before the description
        that this association belongs to is here. `verify` alone makes it `connected`.
        """
        # Where more than the description is asked, nothing passes before it was judged.
        if self._context.judge is None:
            accepted = self._context.policy.accepted_hashes
            self._preverified = select_strongest(fingerprints, accepted)

    def verify(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Set the fingerprints that the peer announced; before, during or after the handshake."""
        if self._ended:
            return
        self._expected = select_strongest(fingerprints, self._context.policy.accepted_hashes)
        if not self._expected:
            self._fail(reasons.no_accepted_hash(fingerprints))
        elif not self.handshaking:
            self._check_fingerprint()

    @property
    def has_begun(self) -> bool:
        """True where a handshake message came or went."""
        return self._state is not DtlsTransportState.NEW

    def fail(self, error: DtlsError) -> None:
        """End as `failed`, for a reason that the owner knows; nothing happens once it has ended."""
        self._fail(error)

    def require_srtp(self) -> None:
        """Fail without a common SRTP profile, as media is to flow (RFC 5764 section 4.1.2)."""
        self._needs_srtp = True

    def send_data(self, message: bytes) -> bool:
        """Encrypt and send one application datagram; False and counted where not possible now."""
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
        """Send close_notify and drop the keys; at any moment, any number of times."""
        if self._ended:
            self._drop_keys()
        else:
            self._end(DtlsTransportState.CLOSED)

    @property
    def _ended(self) -> bool:
        return self._state in (DtlsTransportState.CLOSED, DtlsTransportState.FAILED)

    def _receive_dtls(self, handshake: Handshake, datagram: bytes) -> ReceiveResult:
        limit = handshake.most_messages(datagram)
        was_complete = handshake.complete
        if self._state is DtlsTransportState.NEW:
            self._set_state(DtlsTransportState.CONNECTING)
        in_place = self._ended or handshake.receive(datagram)
        if not self._ended and not self.handshaking and self._read(handshake, limit):
            return ReceiveResult.PAYLOAD
        if self._ended or not was_complete:
            return ReceiveResult.HANDSHAKE if in_place else ReceiveResult.OUT_OF_PLACE
        return (
            ReceiveResult.SILENT
            if handshake.new_client(datagram) is None
            else ReceiveResult.NEW_CLIENT
        )

    def _on_patience_over(self) -> None:
        # A handshake that has begun has its own timeout.
        if self._handshake is None or not self._handshake.has_begun:
            self._fail(reasons.absent(self._context.policy.connect_timeout))

    def _completed(self, connection: DtlsConnection) -> None:
        self._patience.cancel()
        if self._handshake is not None:
            self.client_random = self._handshake.client_random
        self.version = connection.version
        self.cipher = connection.cipher
        self.peer_certificate_der = connection.peer_certificate
        self._srtp = Srtp.of(connection.ssl, self.role)
        # A peer with data channels only may offer no SRTP at all (libdatachannel does not).
        if self._srtp is not None:
            self.srtp_profile = SrtpProfile(connection.ssl.get_selected_srtp_profile().decode())
        # RFC 5763 section 6.2: as it was chosen, media is handed up before its sender is known.
        if self._context.policy.early_media is EarlyMedia.UNVERIFIED and not self._expected:
            self._unverified.open_for_media()
        tap = self._context.tap
        if tap is not None:
            tap.handshake_completed(
                role=self.role,
                version=self.version,
                cipher=self.cipher,
                srtp_profile=self.srtp_profile,
                association=self.number,
            )
        self._events.on_handshake_complete()
        if not self._expected and self._is_preverified(self.peer_certificate_der):
            self._deliver_at_once()
        while self._undecrypted and not self._ended:
            early = self._undecrypted.pop()
            result = self._receive_srtp(*early)
            self.authenticated = self.authenticated or result is ReceiveResult.PAYLOAD
            drop = DROPS.get(result)
            if drop is not None:
                self.counters.count_drop(drop, early.payload, tap)
        if not self._ended:
            self._check_fingerprint()

    def _is_preverified(self, certificate: bytes) -> bool:
        return (
            bool(self._preverified) and FingerprintCheck.of(certificate, self._preverified).matches
        )

    def _objection(self, certificate: bytes) -> DtlsError | None:
        """Object to a certificate during the handshake, where the signalled one is known."""
        check = FingerprintCheck.of(certificate, self._expected) if self._expected else None
        if check is None or check.matches:
            return None
        self.peer_certificate_der = certificate
        return self._mismatch(check)

    def _check_fingerprint(self) -> None:
        if self.peer_certificate_der is None or not self._expected:
            return
        check = FingerprintCheck.of(self.peer_certificate_der, self._expected)
        mismatch = self._mismatch(check)
        if mismatch is not None:
            # RFC 5763 section 5: a mismatch tears the session down.
            self._fail(mismatch)
            return
        if self._needs_srtp and self._srtp is None:
            self._fail(reasons.no_srtp(self._context.policy.srtp_profiles))
            return
        judge = self._context.judge
        if judge is None or self.verified:
            self._accept()
        elif not self._judged and self._handshake is not None:
            self._judged = True
            chain = self._handshake.connection.peer_chain
            judge.judge(ShownCertificate(self.peer_certificate_der, chain), self._on_judgement)

    def _on_judgement(self, error: PeerTrustError | None) -> None:
        if self._ended:
            return
        if error is None:
            self._accept()
        else:
            self._fail(error)

    def _accept(self) -> None:
        """Let media and data pass, as the peer is the one that it has to be."""
        self.verified = True
        if self._srtp is not None:
            self._sender.open(self._srtp)
        self._set_state(DtlsTransportState.CONNECTED)
        if not self._ended:
            self._deliver_at_once()

    def _mismatch(self, check: FingerprintCheck) -> DtlsError | None:
        self.fingerprint_check = check
        if self._context.tap is not None:
            self._context.tap.fingerprint_checked(
                check.expected, check.shown, matches=check.matches, association=self.number
            )
        return None if check.matches else reasons.mismatch(check.expected, check.shown)

    def _deliver_at_once(self) -> None:
        self._unverified.open()
        # A handler of a buffered packet may have ended the association.
        if self._unverified.is_open and self._srtp is not None:
            self._unprotect = self._srtp.unprotect

    def _read(self, handshake: Handshake, limit: int) -> int:
        """Deliver the application datagrams that OpenSSL has; return how many there were."""
        messages = 0
        try:
            for message in handshake.connection.messages(limit):
                messages += 1
                self.authenticated = True
                self._deliver(DatagramClass.DTLS, message, self._clock())
                if self._ended:
                    return messages
        except PeerClosed:
            # RFC 5246 section 7.2.1: close_notify is answered with close_notify.
            if self.verified:
                self._end(DtlsTransportState.CLOSED, keeps_keys=self.keeps_keys_after_close)
            else:
                self._fail(reasons.closed_early())
        except DtlsError as error:
            self._fail(error)
        else:
            # A record without application data may have been answered by OpenSSL itself.
            if messages < limit and not self._ended:
                handshake.flush()
        return messages

    def _receive_srtp(
        self, kind: DatagramClass, packet: bytes, arrival: MonotonicTime
    ) -> ReceiveResult:
        srtp = self._srtp
        if srtp is None:
            if self._handshake is None or not self.handshaking:
                return ReceiveResult.UNEXPECTED
            dropped = self._undecrypted.push(EarlyPacket(kind, packet, arrival))
            self.counters.dropped_early += dropped
            return ReceiveResult.BUFFERED
        unprotect = srtp.unprotect if kind is DatagramClass.RTP else srtp.unprotect_rtcp
        plain = unprotect(packet)
        if plain is None:
            return _UNAUTHENTIC
        self._deliver(kind, plain, arrival)
        return _PAYLOAD

    def _deliver(self, kind: DatagramClass, payload: bytes, arrival: MonotonicTime) -> None:
        self.counters.dropped_early += self._unverified.deliver(kind, payload, arrival)

    def _fail(self, error: DtlsError) -> None:
        if not self._ended:
            self.error = error
            self._end(DtlsTransportState.FAILED)

    def _end(self, state: DtlsTransportState, *, keeps_keys: bool = False) -> None:
        """Let go of keys, timers and buffered packets."""
        # First of all, so that callbacks of sending close_notify find it ended.
        self._state = state
        self._patience.cancel()
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
        self._unverified.close()

    def _set_state(self, state: DtlsTransportState) -> None:
        if state is not self._state:
            self._state = state
            self._events.on_state(state)


class SrtpSender:
    """Protects, sends and counts our RTP and RTCP; sends nothing but DTLS until it is opened.

    Args:
        path: Sends protected packets. Its functions are bound here once, as each packet pays for
            an attribute.
        counters: Counts what was sent, and what could not be.
    """

    def __init__(self, path: DatagramSender, counters: Counters) -> None:
        self._send = path.send
        self._send_all = path.send_all
        self._counters = counters
        self._protect: Callable[[bytes], bytes | None] | None = None
        self._protect_all: Callable[[Sequence[bytes]], list[bytes]] | None = None
        self._protect_rtcp: Callable[[bytes], bytes | None] | None = None

    def open(self, srtp: Srtp) -> None:
        """Send RTP and RTCP with these keys, as the peer is verified."""
        self._protect = lambda packet: self._outbound(srtp).protect(packet)
        self._protect_all = lambda packets: self._outbound(srtp).protect_all(packets)
        self._protect_rtcp = lambda packet: self._outbound(srtp).protect_rtcp(packet)

    def _outbound(self, srtp: Srtp) -> SrtpSession:
        """Bind the functions of the session that the first packet makes."""
        session = srtp.outbound
        self._protect = session.protect
        self._protect_all = session.protect_all
        self._protect_rtcp = session.protect_rtcp
        return session

    def close(self) -> None:
        """Send neither RTP nor RTCP any more."""
        self._protect = self._protect_all = self._protect_rtcp = None

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet; False and counted where that is not possible now."""
        return self.transmit(None if self._protect is None else self._protect(packet))

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Protect and send several RTP packets in their order; return how many were sent."""
        protect = self._protect_all
        protected = [] if protect is None else protect(packets)
        sent = self._send_all(protected)
        counters = self._counters
        if sent != len(packets):
            counters.dropped_unsent += len(packets) - sent
            protected = protected[:sent]
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, protected))
        return sent

    def send_rtcp(self, packet: bytes) -> bool:
        """Protect and send an RTCP packet; False and counted where that is not possible now."""
        return self.transmit(None if self._protect_rtcp is None else self._protect_rtcp(packet))

    def transmit(self, datagram: bytes | None) -> bool:
        """Send and count a datagram without protecting it; None counts as unsent."""
        counters = self._counters
        if datagram is None or not self._send(datagram):
            counters.dropped_unsent += 1
            return False
        counters.packets_sent += 1
        counters.bytes_sent += len(datagram)
        return True
