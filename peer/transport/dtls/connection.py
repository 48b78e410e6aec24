"""Wraps OpenSSL for one DTLS connection: datagrams in and out, and the log of its keys."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

from peer.configuration.security_policy import SrtpProfile
from peer.states import DtlsRole
from peer.transport.adapters.srtp import AVAILABLE_SRTP_PROFILES
from peer.transport.context import DEFAULT_CONTEXT
from peer.transport.dtls.reasons import translated
from peer.transport.wire.dtls_records import pack

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.times import Seconds
    from peer.transport.context import OnSecret, TransportContext

#: Largest DTLS datagram in bytes at first: IPv6's smallest MTU less a TURN header (RFC 8261).
MTU = 1200
#: Largest DTLS datagram after one time-out and after two, in bytes: what every IPv4 host takes (576
#: less IP and UDP, RFC 791 section 3.1), and OpenSSL's smallest. RFC 8899 has the path probed; a
#: handshake has its own time-outs, and small datagrams cost it two packets more.
SMALLER_MTUS = (548, 256)

# Wire values of the versions (RFC 6347 section 4.1, RFC 9147 section 5.3).
_DTLS_1_2, _DTLS_1_3 = 0xFEFD, 0xFEFC
# OpenSSL's value for "the newest version that the library speaks".
_NEWEST_OF_LIBRARY = 0

# Cipher suites of DTLS 1.2: RFC 8827 section 6.5 asks for forward secrecy and AEAD only, for peers
# with ECDSA and with RSA keys. OpenSSL's own for DTLS 1.3 are the same (RFC 8446 appendix B.4).
_CIPHERS = b":".join(
    f"ECDHE-{signature}-{cipher}".encode()
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)

# Largest plaintext of one record in bytes (RFC 5246 section 6.2.1).
_LARGEST_MESSAGE = 16384
# Bytes read from the memory BIO in one call (ours).
_READ_SIZE = 8192


class PeerClosed(Exception):  # noqa: N818 - an event, not an error
    """The peer sent close_notify, which ends the stream of messages."""


@functools.cache
def dtls_context(
    profiles: tuple[SrtpProfile, ...] = tuple(SrtpProfile),
    *,
    logs_keys: bool = False,
    verifies_hello: bool = False,
) -> SSL.Context:
    """Make OpenSSL's settings, cached, as they take longer to make than to use.

    Args:
        profiles: SRTP profiles in the order of preference.
        logs_keys: Whether connections have an `OnSecret` as their application data.
        verifies_hello: Whether the client was sent a HelloVerifyRequest.
    """
    context = SSL.Context(SSL.DTLS_METHOD)
    # RFC 5763 section 8.8 with RFC 8827: DTLS 1.2 or newer.
    context.set_min_proto_version(_DTLS_1_2)
    # RFC 9147 section 5.3: in DTLS 1.3 the cookie that it brings now is an illegal_parameter, and
    # BoringSSL ends a handshake that goes on with 1.3. Every peer of ours speaks 1.2 as well
    # (RFC 8827 section 6.5).
    context.set_max_proto_version(_DTLS_1_2 if verifies_hello else _NEWEST_OF_LIBRARY)
    # RFC 8827 section 6.5 forbids renegotiation. A resumed session would show no certificate.
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(
        SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
        # RFC 5763 section 5: the fingerprint vouches for the certificate, not an authority.
        lambda *_: True,
    )
    # The caller of `listen` has compared the cookie already.
    context.set_cookie_verify_callback(lambda *_: True)
    context.set_cipher_list(_CIPHERS)
    names = [profile.value for profile in profiles if profile in AVAILABLE_SRTP_PROFILES]
    context.set_tlsext_use_srtp(":".join(names).encode())
    if logs_keys:
        context.set_keylog_callback(_log_key)
    return context


def _log_key(connection: SSL.Connection, line: bytes) -> None:
    on_secret: OnSecret = connection.get_app_data()
    on_secret(line)


class DtlsConnection:
    """One end of a DTLS connection over memory BIOs; it neither waits nor keeps time.

    Every method that lets OpenSSL work may leave datagrams to send: take them with `datagrams`.

    Args:
        certificate: Our certificate.
        role: The client speaks first.
        context: Policy (SRTP profiles) and key log of the transport.
        verifies_hello: Whether, as server, `listen` comes first.
    """

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        *,
        context: TransportContext = DEFAULT_CONTEXT,
        verifies_hello: bool = False,
    ) -> None:
        # OpenSSL has the chain in its settings: those of one with a chain are not shared.
        make = dtls_context.__wrapped__ if certificate.chain else dtls_context
        settings = make(
            context.policy.srtp_profiles,
            logs_keys=context.on_secret is not None,
            verifies_hello=verifies_hello,
        )
        for each in certificate.chain:
            settings.add_extra_chain_cert(each)
        self._ssl = SSL.Connection(settings)
        self._ssl.set_app_data(context.on_secret)
        self._ssl.use_certificate(certificate.certificate)
        self._ssl.use_privatekey(certificate.private_key)
        self._key = certificate.algorithm
        self._mtu = MTU
        self._ssl.set_ciphertext_mtu(MTU)
        if role is DtlsRole.CLIENT:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()

    def __repr__(self) -> str:
        return f"<DtlsConnection {self.version} {self._ssl.get_state_string().decode()}>"

    @property
    def mtu(self) -> int:
        """Largest datagram in bytes, but for a single record that was written larger."""
        return self._mtu

    @mtu.setter
    def mtu(self, size: int) -> None:
        self._mtu = size
        self._ssl.set_ciphertext_mtu(size)

    @property
    def ssl(self) -> SSL.Connection:
        """OpenSSL's own object, from which aiortc exports the SRTP keys."""
        return self._ssl

    def feed(self, datagram: bytes) -> None:
        """Put in one datagram; `handshake` or `messages` then looks at it."""
        self._ssl.bio_write(datagram)

    def listen(self) -> None:
        """Accept a ClientHello that was fed, and shows the cookie it was asked for, as the first.

        Raises:
            DtlsError: The ClientHello is malformed.
        """
        try:
            self._ssl.DTLSv1_listen()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise translated(error) from error

    def handshake(self) -> bool:
        """Go on with the handshake as far as what was fed allows.

        Returns:
            True where the handshake is complete.

        Raises:
            DtlsError: The handshake has failed for good.
        """
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise translated(error, key=self._key) from error
        return True

    def messages(self, limit: int) -> Iterator[bytes]:
        """Read the application datagrams that have been fed since the last call.

        Args:
            limit: Stop after this number: to find that there are no more costs as much as one.

        Raises:
            PeerClosed: The peer has sent close_notify.
            DtlsError: The peer has aborted the connection.
        """
        for _ in range(limit):
            try:
                message = self._ssl.recv(_LARGEST_MESSAGE)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError as error:
                raise PeerClosed from error
            except SSL.Error as error:
                raise translated(error) from error
            yield message

    def send(self, message: bytes) -> bool:
        """Encrypt one application datagram; False where DTLS cannot carry it."""
        # An empty write is no write to OpenSSL.
        if not 0 < len(message) <= _LARGEST_MESSAGE:
            return False
        try:
            self._ssl.send(message)
        except SSL.Error:
            return False
        return True

    def shutdown(self) -> None:
        """Write close_notify, where the handshake has got far enough."""
        try:
            self._ssl.shutdown()
        except SSL.Error:
            # In the middle of a handshake OpenSSL has no keys to protect it with.
            return

    def datagrams(self) -> list[bytes]:
        """Take the bytes to send, in datagrams of at most `mtu` bytes."""
        # The memory BIO is a stream: the ends of the datagrams that OpenSSL meant are lost.
        stream = chunk = b""
        try:
            while not stream or len(chunk) == _READ_SIZE:
                chunk = self._ssl.bio_read(_READ_SIZE)
                stream += chunk
        except SSL.WantReadError:
            # The BIO is empty.
            pass
        return pack(stream, self._mtu)

    @property
    def timeout(self) -> Seconds | None:
        """Seconds until OpenSSL must send the last flight again, or None."""
        return self._ssl.DTLSv1_get_timeout()

    def handle_timeout(self) -> None:
        """Send the last flight again, if its time has come.

        Raises:
            DtlsError: The flight has been sent too often.
        """
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise translated(error) from error

    @property
    def peer_certificate(self) -> bytes:
        """The peer's certificate in DER; empty before the handshake is complete."""
        certificate = self._ssl.get_peer_certificate()
        if certificate is None:
            return b""
        return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates of authorities that the peer has shown beside its own, in DER."""
        chain = self._ssl.get_peer_cert_chain(as_cryptography=True) or []
        certificates = [each.public_bytes(serialization.Encoding.DER) for each in chain]
        own = self.peer_certificate
        return tuple(each for each in certificates if each != own)

    @property
    def acknowledges(self) -> bool:
        """True with DTLS 1.3, which acknowledges records (RFC 9147 section 7).

        Before the peer has chosen a version, True where we offer DTLS 1.3.
        """
        return self._ssl.get_protocol_version() == _DTLS_1_3

    @property
    def version(self) -> str:
        """Name of the protocol version, for example `DTLSv1.2`."""
        return self._ssl.get_protocol_version_name()

    @property
    def cipher(self) -> str | None:
        """Cipher suite by OpenSSL's name; None before it is agreed."""
        return self._ssl.get_cipher_name()
