"""A DTLS peer made of pyOpenSSL alone, for behaviour that our own peer never shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL

from peer.identity.certificate import Certificate

if TYPE_CHECKING:
    from tests.support.links.secure import Party


def legacy_context(ciphers: bytes, certificate: Certificate | None = None) -> SSL.Context:
    """Create a context that allows renegotiation, has no SRTP, and offers these cipher suites."""
    certificate = certificate or Certificate.generate()
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_cipher_list(ciphers)
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.private_key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context


class TlsPeer:
    """One DTLS end over memory, driven by `exchange`."""

    def __init__(self, context: SSL.Context, *, client: bool, mtu: int = 1200) -> None:
        self.ssl = SSL.Connection(context)
        self.ssl.set_ciphertext_mtu(mtu)
        self.complete = False
        if client:
            self.ssl.set_connect_state()
        else:
            self.ssl.set_accept_state()

    def exchange(self, other: Party) -> None:
        """Carry datagrams both ways until neither end sends more."""
        while True:
            sent = self.take()
            if sent:
                other.association.receive(sent)
            received = other.take()
            if not sent and not received:
                return
            for datagram in received:
                self.ssl.bio_write(datagram)

    def take(self) -> bytes:
        """Process the datagrams that arrived, and return those to send."""
        self._work()
        try:
            return self.ssl.bio_read(65536)
        except SSL.WantReadError:
            return b""

    def renegotiate(self) -> None:
        """Request a renegotiation within the connection."""
        assert self.ssl.renegotiate()

    def _work(self) -> None:
        try:
            self.ssl.do_handshake()
            self.complete = True
        except SSL.Error:
            return
