"""Certificates are anonymous, keep their identity in PEM, and refuse unusable keys."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from peer.errors import ConfigurationError
from peer.identity.certificate import SPARE, Certificate, CertificateStore, KeyType
from peer.identity.fingerprints import HashFunction

NOON = datetime.datetime(2031, 5, 17, 12, 34, 56, 789, tzinfo=datetime.UTC)


@pytest.mark.conformance("6.1-anonymous")
def test_generated_certificates_share_no_name_serial_number_or_key() -> None:
    first, second = Certificate.generate().certificate, Certificate.generate().certificate

    assert first.subject != second.subject
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


@pytest.mark.conformance("6.1-anonymous")
def test_certificate_dates_reveal_only_the_day() -> None:
    early = Certificate.generate(now=NOON).certificate
    late = Certificate.generate(now=NOON + datetime.timedelta(hours=7)).certificate

    assert early.not_valid_before_utc == late.not_valid_before_utc
    assert early.not_valid_after_utc == late.not_valid_after_utc
    assert early.not_valid_before_utc.time() == datetime.time(0)


def test_generated_certificate_is_valid_now_for_at_most_30_days() -> None:
    certificate = Certificate.generate(now=NOON)

    assert certificate.certificate.not_valid_before_utc < NOON < certificate.expires
    assert certificate.expires - NOON <= datetime.timedelta(days=30)


@pytest.mark.parametrize("key_type", list(KeyType))
def test_certificate_survives_pem_round_trip(key_type: KeyType) -> None:
    original = Certificate.generate(key_type)

    restored = Certificate.from_pem(*original.to_pem())

    assert restored.der == original.der
    assert restored.to_pem() == original.to_pem()


def test_certificate_from_pem_accepts_str() -> None:
    certificate, key = Certificate.generate().to_pem()

    assert Certificate.from_pem(certificate.decode(), key.decode()).der


@pytest.mark.parametrize("algorithm", list(HashFunction))
def test_certificate_fingerprint_is_digest_of_its_der(algorithm: HashFunction) -> None:
    certificate = Certificate.generate()
    digests = {
        HashFunction.SHA256: hashes.SHA256(),
        HashFunction.SHA384: hashes.SHA384(),
        HashFunction.SHA512: hashes.SHA512(),
    }

    expected = certificate.certificate.fingerprint(digests[algorithm]).hex(":").upper()

    assert str(certificate.fingerprint(algorithm)) == f"{algorithm} {expected}"


def test_certificate_repr_shows_fingerprint_and_no_key() -> None:
    certificate = Certificate.generate()

    assert repr(certificate) == f"<Certificate {certificate.fingerprint()}>"


def test_unknown_key_type_is_refused() -> None:
    with pytest.raises(ValueError, match="dsa"):
        Certificate.generate("dsa")  # type: ignore[arg-type] # as an untyped caller would


def test_certificate_that_is_no_pem_is_refused() -> None:
    _, key = Certificate.generate().to_pem()

    with pytest.raises(ConfigurationError, match="certificate is not a readable PEM"):
        Certificate.from_pem(b"hello", key)


def test_private_key_that_is_no_pem_is_refused() -> None:
    certificate, _ = Certificate.generate().to_pem()

    with pytest.raises(ConfigurationError, match="private key is not a readable PEM"):
        Certificate.from_pem(certificate, b"hello")


def test_encrypted_private_key_is_refused() -> None:
    certificate = Certificate.generate()
    encrypted = certificate.private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )

    with pytest.raises(ConfigurationError, match="private key"):
        Certificate.from_pem(certificate.to_pem()[0], encrypted)


def test_private_key_of_another_certificate_is_refused() -> None:
    certificate, _ = Certificate.generate().to_pem()
    _, key = Certificate.generate().to_pem()

    with pytest.raises(ConfigurationError, match="not the one of the certificate"):
        Certificate.from_pem(certificate, key)


def test_private_key_of_unsupported_type_is_refused() -> None:
    certificate, _ = Certificate.generate().to_pem()
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    with pytest.raises(ConfigurationError, match="ECDSA or RSA"):
        Certificate.from_pem(certificate, key)


def test_rsa_key_below_2048_bits_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "small")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    with pytest.raises(ConfigurationError, match="2048 bits, not 1024"):
        Certificate.from_pem(certificate, pem)


def test_certificate_store_finds_certificate_by_fingerprints() -> None:
    first, second = Certificate.generate(), Certificate.generate()
    store = CertificateStore(first)
    fingerprints = store.add(second)
    assert store[store.first] is first
    assert store[fingerprints] is second
    assert [str(each) for each in fingerprints] == [str(second.fingerprint())]


def test_certificate_store_drops_unused_certificates() -> None:
    store = CertificateStore(Certificate.generate())
    kept = Certificate.generate()
    used = store.add(kept)
    for _ in range(2 * SPARE):
        store.add(Certificate.generate())
        store.keep({used, None})
    assert len(store) == SPARE + 1
    assert store[used] is kept


def test_fingerprints_of_a_certificate_have_the_name_of_w3c() -> None:
    certificate = Certificate.generate()
    assert certificate.getFingerprints() == [certificate.fingerprint()]
