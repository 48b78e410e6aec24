from __future__ import annotations

import pytest
from OpenSSL import SSL

from peer.configuration.security_policy import SrtpProfile
from peer.errors import DtlsError
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.states import DtlsRole
from peer.transport.dtls import reasons


def openssl(*texts: str) -> SSL.Error:
    """Make an error as pyOpenSSL reports it."""
    return SSL.Error([("SSL routines", "", text) for text in texts])


@pytest.mark.parametrize("prefix", ["sslv3 alert ", "tlsv1 alert ", "ssl/tls alert "])
@pytest.mark.parametrize(
    ("alert", "words"),
    [
        ("handshake failure", "with handshake_failure: it shares no cipher suite"),
        ("bad certificate", "with bad_certificate: it does not accept our certificate"),
        ("certificate expired", "with certificate_expired: .* clocks"),
        ("protocol version", "with protocol_version: it does not speak DTLS 1.2"),
        ("insufficient security", "with insufficient_security: "),
        ("unknown ca", "with unknown_ca: "),
        ("decrypt error", "with decrypt_error: "),
        ("record overflow", "with record_overflow$"),
    ],
)
def test_an_alert_is_named_as_its_rfc_names_it(prefix: str, alert: str, words: str) -> None:
    with pytest.raises(DtlsError, match=words):
        raise reasons.translated(openssl(prefix + alert))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("no shared cipher",), "no cipher suite with forward secrecy"),
        (("unsupported protocol",), "does not speak DTLS 1.2, and RFC 8827"),
        (("unknown", "peer did not return a certificate"), "shows no certificate"),
        (("something new", "and more"), "DTLS failed: something new, and more"),
        ((), "DTLS failed: "),
    ],
)
def test_an_objection_is_put_into_words(texts: tuple[str, ...], words: str) -> None:
    assert words in str(reasons.translated(openssl(*texts)))


@pytest.mark.parametrize("text", ["no shared cipher", "no suitable signature algorithm"])
def test_an_rsa_certificate_towards_an_ecdsa_only_peer_is_named(text: str) -> None:
    sentence = str(reasons.translated(openssl(text), key="RSA"))
    assert "for the RSA key of our certificate; it may take ECDSA only" in sentence
    assert str(reasons.translated(openssl(text), key="ECDSA")).endswith(
        "for the ECDSA key of our certificate"
    )


def test_an_error_without_details_is_told_as_it_is() -> None:
    assert str(reasons.translated(SSL.SysCallError(-1, "Unexpected EOF"))) == (
        "DTLS failed: (-1, 'Unexpected EOF')"
    )


def test_mismatch_names_every_expected_fingerprint() -> None:
    one, two, shown = (
        Fingerprint.of_certificate(name, HashFunction.SHA256) for name in (b"1", b"2", b"3")
    )

    assert str(reasons.mismatch([one, two], shown)).endswith(
        f"expected {one} or {two}, shown {shown}"
    )


@pytest.mark.parametrize(
    ("datagrams", "words"), [(1, "as server we got 1 datagram of"), (2, "got 2 datagrams of")]
)
def test_an_unfinished_handshake_says_how_much_came(datagrams: int, words: str) -> None:
    assert words in str(reasons.unfinished(DtlsRole.SERVER, 5, datagrams=datagrams))


def test_silent_peer_is_worded_by_role() -> None:
    assert "no ClientHello within 5 s" in str(reasons.silent(DtlsRole.SERVER, 5))
    assert "no answer to our ClientHello within 5 s" in str(reasons.silent(DtlsRole.CLIENT, 5))


def test_a_missing_profile_names_ours() -> None:
    text = str(reasons.no_srtp([SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AES128_CM_HMAC_SHA1_80]))

    assert text.endswith("ours: AEAD_AES_256_GCM, AES128_CM_HMAC_SHA1_80")
