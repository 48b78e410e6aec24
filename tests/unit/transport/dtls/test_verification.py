from __future__ import annotations

from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.transport.dtls.verification import FingerprintCheck

DER = b"a certificate in DER"
OTHER = Certificate.generate().fingerprint()


def test_any_one_matching_fingerprint_is_enough() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA256)

    assert FingerprintCheck.of(DER, [OTHER, shown]) == FingerprintCheck(
        (OTHER, shown), shown, matches=True
    )


def test_fingerprint_mismatch_tells_the_shown_one() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA256)

    check = FingerprintCheck.of(DER, [OTHER])

    assert (check.matches, check.expected, check.shown) == (False, (OTHER,), shown)


def test_fingerprint_is_shown_by_the_hash_that_is_expected() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA512)

    assert FingerprintCheck.of(DER, [shown]).shown == shown
