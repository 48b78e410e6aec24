"""The certificates of a connection are found by what it signals of them."""

from __future__ import annotations

from peer.identity.certificate import Certificate
from peer.identity.certificate_store import SPARE, CertificateStore


def test_a_certificate_is_found_by_its_fingerprints() -> None:
    first, second = Certificate.generate(), Certificate.generate()
    store = CertificateStore(first)
    fingerprints = store.add(second)
    assert store[store.first] is first
    assert store[fingerprints] is second
    assert [str(each) for each in fingerprints] == [str(second.fingerprint())]


def test_what_is_not_used_is_forgotten_in_time() -> None:
    store = CertificateStore(Certificate.generate())
    kept = Certificate.generate()
    used = store.add(kept)
    for _ in range(2 * SPARE):
        store.add(Certificate.generate())
        store.keep({used, None})
    assert len(store) == SPARE + 1
    assert store[used] is kept
