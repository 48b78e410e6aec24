"""A former certificate vouches for the next one, and for nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.identity.certificate import Certificate, KeyType
from peer.identity.voucher import MAX_VOUCHERS, Voucher, VoucherPurpose, followed

RENEWAL, REKEY = VoucherPurpose.RENEWAL, VoucherPurpose.REKEY
FIRST, STRANGER = Certificate.generate(), Certificate.generate()
RSA = Certificate.generate(KeyType.RSA_2048)


@pytest.mark.parametrize("former", [FIRST, RSA], ids=["ecdsa", "rsa"])
def test_a_voucher_leads_from_the_former_certificate_to_the_next(former: Certificate) -> None:
    following = Certificate.generate().vouched_by(former, RENEWAL)
    known, shown = former.fingerprint(), following.fingerprint()
    assert followed(known, shown, following.vouchers) is RENEWAL
    assert followed(STRANGER.fingerprint(), shown, following.vouchers) is None
    assert followed(known, STRANGER.fingerprint(), following.vouchers) is None
    assert followed(known, shown, ()) is None
    assert followed(known, known, ()) is RENEWAL


def test_a_chain_leads_over_several_renewals_and_is_for_the_connection_where_one_step_is() -> None:
    second = Certificate.generate().vouched_by(FIRST, RENEWAL)
    third = Certificate.generate().vouched_by(second, RENEWAL)
    fourth = Certificate.generate().vouched_by(third, REKEY)
    known = FIRST.fingerprint()
    assert followed(known, third.fingerprint(), third.vouchers) is RENEWAL
    assert followed(known, fourth.fingerprint(), fourth.vouchers) is REKEY
    assert followed(third.fingerprint(), fourth.fingerprint(), fourth.vouchers) is REKEY


def test_a_voucher_for_a_renewal_counts_before_one_for_the_connection() -> None:
    following = Certificate.generate().vouched_by(FIRST, RENEWAL)
    both = following.vouched_by(FIRST, REKEY)
    assert followed(FIRST.fingerprint(), both.fingerprint(), both.vouchers) is REKEY
    vouchers = (*both.vouchers[:1], *following.vouchers)
    assert followed(FIRST.fingerprint(), both.fingerprint(), vouchers) is RENEWAL


def test_a_signature_serves_neither_another_purpose_nor_another_certificate() -> None:
    following = Certificate.generate()
    voucher = Voucher.sign(FIRST.der, FIRST.private_key, following.fingerprint(), REKEY)
    assert voucher.is_for(following.fingerprint())
    assert not voucher.is_for(STRANGER.fingerprint())
    assert not Voucher(RENEWAL, voucher.former, voucher.signature).is_for(following.fingerprint())
    assert not Voucher(REKEY, STRANGER.der, voucher.signature).is_for(following.fingerprint())
    assert not Voucher(REKEY, b"no certificate", voucher.signature).is_for(following.fingerprint())


def test_a_certificate_keeps_four_vouchers() -> None:
    certificate = FIRST
    for _ in range(MAX_VOUCHERS + 2):
        certificate = Certificate.generate().vouched_by(certificate, RENEWAL)
    assert len(certificate.vouchers) == MAX_VOUCHERS
    assert followed(FIRST.fingerprint(), certificate.fingerprint(), certificate.vouchers) is None


def test_a_voucher_is_read_as_it_was_written() -> None:
    (voucher,) = Certificate.generate().vouched_by(FIRST, RENEWAL).vouchers
    assert Voucher.parse(str(voucher)) == voucher


@pytest.mark.parametrize(
    "text",
    [
        "",
        "renewal",
        "renewal AAAA",
        "renewal AAAA ====",
        "other AAAA AAAA",
        "renewal AAAA AAAA AAAA",
        "renewal " + "A" * 8192 + " AAAA",
        "renewal é é",
    ],
    ids=["empty", "purpose", "cert", "base64", "unknown", "four", "large", "letters"],
)
def test_a_malformed_voucher_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - callers pass it over, whatever it says
        Voucher.parse(text)


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_any_bytes_as_certificate_and_signature_are_no_voucher(cert: bytes, name: bytes) -> None:
    text = f"renewal {base64.b64encode(cert).decode()} {base64.b64encode(name).decode()}"
    try:
        voucher = Voucher.parse(text)
    except ValueError:
        return
    assert not voucher.is_for(STRANGER.fingerprint())


def test_a_voucher_of_a_certificate_that_is_of_no_known_kind_is_none() -> None:
    """The version or the key of a certificate that a peer sends may be of any kind."""
    following = STRANGER.fingerprint()
    honest = Voucher.sign(FIRST.der, FIRST.private_key, following, REKEY)
    p256, version_3 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("a003020102")
    assert p256 in FIRST.der
    assert version_3 in FIRST.der
    for former in (
        FIRST.der.replace(p256, bytes.fromhex("06082a8648ce3d0301ff")),
        FIRST.der.replace(p256, bytes.fromhex("06082a8648ce3d030102")),
        FIRST.der.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0209")),
        FIRST.der.replace(version_3, bytes.fromhex("a003020107")),
    ):
        assert former != FIRST.der
        voucher = Voucher(REKEY, former, honest.signature)
        assert not voucher.is_for(following)
        assert followed(voucher.by, following, (voucher,)) is None
