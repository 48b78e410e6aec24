"""Of several certificates that somebody holds, a connection shows one, which is rotated in time."""

from __future__ import annotations

import datetime

import pytest

from peer import Certificate, PeerConfiguration, PeerConnection
from peer.identity.certificate import KeyType, offered
from peer.identity.voucher import VoucherPurpose, followed
from tests.support.negotiation.connections import local

NOW = datetime.datetime.now(datetime.UTC)


def made(days: float, kind: KeyType = KeyType.ECDSA_P256) -> Certificate:
    """A certificate that lasts so many days more."""
    lifetime = datetime.timedelta(days=30)
    return Certificate.generate(kind, now=NOW - lifetime + datetime.timedelta(days=days))


def test_first_of_several_certificates_is_shown_while_it_lasts() -> None:
    ecdsa, another = made(20), made(25, KeyType.RSA_2048)
    shown = offered([ecdsa, another])
    assert shown is not None
    assert (shown.der, shown.vouchers) == (ecdsa.der, ())
    assert offered([]) is None


def test_next_certificate_is_shown_in_the_last_week_with_vouchers_of_those_before() -> None:
    held = [made(3), made(6), made(25)]
    shown = offered(held)
    assert shown is not None
    assert shown.der == held[2].der
    for former in held[:2]:
        way = followed(former.fingerprint(), shown.fingerprint(), shown.vouchers)
        assert way is VoucherPurpose.RENEWAL


def test_certificate_that_lasts_the_longest_is_shown_where_none_lasts_a_week() -> None:
    held = [made(3), made(5), made(4)]
    shown = offered(held)
    assert shown is not None
    assert shown.der == held[1].der


def test_voucher_that_is_there_is_kept() -> None:
    first = made(2)
    second = made(25).vouched_by(first, VoucherPurpose.RENEWAL)
    assert offered([first, second]) is second


def lines(connection: PeerConnection) -> list[str]:
    return [line for line in local(connection).sdp.splitlines() if "a=fingerprint" in line]


@pytest.mark.conformance("5-fingerprint")
async def test_description_has_one_fingerprint_of_several_certificates() -> None:
    """Chromium reads the last line alone, and fails on two."""
    held = [made(25), made(25, KeyType.RSA_2048)]
    async with PeerConnection(PeerConfiguration(certificates=held)) as connection:
        connection.createDataChannel("chat")
        await connection.setLocalDescription()
        assert set(lines(connection)) == {f"a=fingerprint:{held[0].fingerprint()}"}
