"""Versions and cipher suites of DTLS: 1.2 at least, and the newest that the TLS library has."""

from __future__ import annotations

import functools

import pytest
from OpenSSL import SSL

from peer.errors import DtlsError
from peer.identity.certificate import Certificate, KeyType
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.connection import DtlsConnection, dtls_context
from tests.support.links.secure import connected_parties, exchange, rtp
from tests.support.peers.tls_peer import legacy_context

_VERSIONS = {"DTLSv1.3": 0xFEFC, "DTLSv1.2": 0xFEFD}


@functools.cache
def newest_version() -> str:
    """Name of the newest DTLS version that the TLS library supports, as OpenSSL spells it."""
    return next(name for name, number in _VERSIONS.items() if _is_supported(number))


def _is_supported(number: int) -> bool:
    try:
        SSL.Context(SSL.DTLS_METHOD).set_min_proto_version(number)
    except SSL.Error:
        return False
    return True


class Bounds(SSL.Context):
    """Writes down which versions it was told to speak."""

    def set_min_proto_version(self, version: int) -> None:
        self.least = version
        super().set_min_proto_version(version)

    def set_max_proto_version(self, version: int) -> None:
        self.most = version
        super().set_max_proto_version(version)


@pytest.mark.parametrize(("verifies_hello", "most"), [(False, 0), (True, 0xFEFD)])
def test_only_a_cookie_of_dtls_1_2_is_a_reason_not_to_speak_the_newest(
    monkeypatch: pytest.MonkeyPatch, verifies_hello: bool, most: int
) -> None:
    monkeypatch.setattr(SSL, "Context", Bounds)

    context = dtls_context.__wrapped__(verifies_hello=verifies_hello)

    assert isinstance(context, Bounds)
    assert (context.least, context.most) == (0xFEFD, most)


@pytest.mark.conformance("8.8-pfs")
def test_every_suite_has_forward_secrecy_and_aead_in_every_version() -> None:
    suites = SSL.Connection(dtls_context()).get_cipher_list()

    # All suites of TLS 1.3 are named TLS_ (RFC 8446 appendix B.4).
    assert {suite.partition("-")[0].partition("_")[0] for suite in suites} == {"TLS", "ECDHE"}
    assert all("GCM" in suite or "POLY1305" in suite for suite in suites)


async def test_two_ends_speak_the_newest_version_that_the_library_offers() -> None:
    client, server = connected_parties()

    for source, sink in ((client, server), (server, client)):
        assert source.association.state is DtlsTransportState.CONNECTED
        assert source.association.version == newest_version()
        assert source.association.send_rtp(rtp(1))
        assert source.association.send_data(b"data")
        exchange(source, sink)
        assert sink.events.rtp == [rtp(1)]
        assert sink.events.data == [b"data"]


def test_rsa_certificate_towards_an_ecdsa_only_client_is_named() -> None:
    server = DtlsConnection(Certificate.generate(KeyType.RSA_2048), DtlsRole.SERVER)
    peer = SSL.Connection(legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256"))
    peer.set_ciphertext_mtu(1200)
    peer.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        peer.do_handshake()
    server.feed(peer.bio_read(4096))
    with pytest.raises(DtlsError, match="the RSA key of our certificate; it may take ECDSA only"):
        server.handshake()
