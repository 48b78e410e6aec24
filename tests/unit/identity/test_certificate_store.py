"""The certificates of a connection are found by their signalled fingerprints."""

from __future__ import annotations

from peer.identity.certificate import Certificate
from peer.identity.certificate_store import SPARE, CertificateStore


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
