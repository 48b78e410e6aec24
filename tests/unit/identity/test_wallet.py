"""The certificates of a connection are found by what it signals of them."""

from __future__ import annotations

from peer.identity.certificate import Certificate
from peer.identity.wallet import SPARE, Wallet


def test_a_certificate_is_found_by_its_fingerprints() -> None:
    first, second = Certificate.generate(), Certificate.generate()
    wallet = Wallet(first)
    fingerprints = wallet.add(second)
    assert wallet[wallet.first] is first
    assert wallet[fingerprints] is second
    assert [str(each) for each in fingerprints] == [str(second.fingerprint())]


def test_what_is_not_used_is_forgotten_in_time() -> None:
    wallet = Wallet(Certificate.generate())
    kept = Certificate.generate()
    used = wallet.add(kept)
    for _ in range(2 * SPARE):
        wallet.add(Certificate.generate())
        wallet.keep({used, None})
    assert len(wallet) == SPARE + 1
    assert wallet[used] is kept
