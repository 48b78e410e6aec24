"""Owns OpenSSL for one DTLS handshake: datagrams in and out, and the log of its keys."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from OpenSSL import SSL, crypto

from peer.security_policy import SrtpProfile
from peer.states import DtlsRole
from peer.transport.adapters.dtls import AVAILABLE_SRTP_PROFILES
from peer.transport.dtls.reasons import translated
from peer.transport.wire.dtls_records import pack

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate

#: Bytes of DTLS in one datagram: what IPv6's smallest MTU and a TURN header leave (RFC 8261).
MTU = 1200

_DTLS_1_2, _DTLS_1_3 = 0xFEFD, 0xFEFC
_NEWEST_OF_LIBRARY = 0

# Of DTLS 1.2: RFC 8827 section 6.5 asks for forward secrecy and AEAD only, for peers with ECDSA and
# with RSA keys. OpenSSL's own for DTLS 1.3 are nothing else (RFC 8446 appendix B.4).
_CIPHERS = b":".join(
    f"ECDHE-{signature}-{cipher}".encode()
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)

_LARGEST_MESSAGE = 16384
_READ_SIZE = 8192


class PeerClosed(Exception):  # noqa: N818 - an event, not an error
    """The peer sent close_notify."""


#: Takes each line of a key log, in the format of NSS.
OnSecret = Callable[[bytes], None]


@functools.cache
def dtls_context(
    profiles: tuple[SrtpProfile, ...] = tuple(SrtpProfile),
    *,
    logs_keys: bool = False,
    verifies_hello: bool = False,
) -> SSL.Context:
    """What we accept of any peer. One for all, as it takes longer to make than to use.

    Args:
        profiles: For SRTP, in the order of preference.
        logs_keys: Whether connections have an `OnSecret` as their application data.
        verifies_hello: Whether the client was sent a HelloVerifyRequest.
    """
    context = SSL.Context(SSL.DTLS_METHOD)
    # RFC 5763 section 8.8 with RFC 8827: DTLS 1.2 or whatever is newer.
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
    # Whoever calls `listen` has looked at the cookie already.
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
    """One end of one DTLS connection over memory; nothing here waits or keeps time.

    Every method that lets OpenSSL work may leave datagrams to send: take them with `datagrams`.

    Args:
        certificate: What we show.
        role: As client it speaks first.
        profiles: For SRTP, in the order of preference.
        on_secret: Told of the keys, where they are to be logged.
        verifies_hello: Whether, as server, `listen` comes first.
    """

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        *,
        profiles: tuple[SrtpProfile, ...] = tuple(SrtpProfile),
        on_secret: OnSecret | None = None,
        verifies_hello: bool = False,
    ) -> None:
        context = dtls_context(
            profiles, logs_keys=on_secret is not None, verifies_hello=verifies_hello
        )
        self._ssl = SSL.Connection(context)
        self._ssl.set_app_data(on_secret)
        self._ssl.use_certificate(certificate.certificate)
        self._ssl.use_privatekey(certificate.private_key)
        self._ssl.set_ciphertext_mtu(MTU)
        if role is DtlsRole.CLIENT:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()

    @property
    def ssl(self) -> SSL.Connection:
        """OpenSSL's own object, from which aiortc exports the SRTP keys."""
        return self._ssl

    def feed(self, datagram: bytes) -> None:
        """Put in one datagram; `handshake` or `messages` then looks at it."""
        self._ssl.bio_write(datagram)

    def listen(self) -> None:
        """Let a ClientHello that was fed, and shows the cookie it was asked for, be the first.

        Raises:
            DtlsError: It is malformed.
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
            Whether it is complete.

        Raises:
            DtlsError: It has failed for good.
        """
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise translated(error) from error
        return True

    def messages(self, limit: int) -> Iterator[bytes]:
        """The application datagrams that have been fed since the last time.

        Args:
            limit: Stop after so many: finding out that there are no more costs as much as one.

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
        """Say close_notify, where there is anybody to say it to."""
        try:
            self._ssl.shutdown()
        except SSL.Error:
            # In the middle of a handshake there are no keys to say it with.
            return

    def datagrams(self) -> list[bytes]:
        """Take what is to be sent, in datagrams of at most `MTU` bytes."""
        # The memory BIO is a stream: the ends of the datagrams that OpenSSL meant are lost.
        stream = chunk = b""
        try:
            while not stream or len(chunk) == _READ_SIZE:
                chunk = self._ssl.bio_read(_READ_SIZE)
                stream += chunk
        except SSL.WantReadError:
            # Empty.
            pass
        return pack(stream, MTU)

    @property
    def timeout(self) -> float | None:
        """Seconds until the last flight must be sent again, or None."""
        return self._ssl.DTLSv1_get_timeout()

    def handle_timeout(self) -> None:
        """Send the last flight again, if its time has come.

        Raises:
            DtlsError: It has been sent too often.
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
    def acknowledges(self) -> bool:
        """Whether it speaks DTLS 1.3, which acknowledges records (RFC 9147 section 7).

        Before the peer has said what it speaks, whether it would.
        """
        return self._ssl.get_protocol_version() == _DTLS_1_3

    @property
    def version(self) -> str:
        """For example `DTLSv1.2`."""
        return self._ssl.get_protocol_version_name()

    @property
    def cipher(self) -> str | None:
        """The cipher suite by OpenSSL's name."""
        return self._ssl.get_cipher_name()
