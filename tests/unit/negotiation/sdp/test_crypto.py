"""`a=crypto` (RFC 4568): what is read of it, what is written, and what is refused by name."""

from __future__ import annotations

import base64
import random
import re

import pytest

from peer.negotiation.sdp.crypto import Crypto, usable
from peer.negotiation.sdp.lines import Line
from peer.srtp_keys import CryptoSuite, SrtpMasterKey

KEY_30 = base64.b64encode(bytes(range(30))).decode()
KEY_44 = base64.b64encode(bytes(range(44))).decode()


def made(text: str) -> Crypto:
    return Crypto.parse(text)


@pytest.mark.parametrize("suite", CryptoSuite)
def test_crypto_of_each_suite_is_read_as_it_was_written(suite: CryptoSuite) -> None:
    (crypto,) = Crypto.generate([suite], random.Random(1).randbytes, first_tag=7)
    assert crypto.tag == 7
    assert len(crypto.key.material) == suite.key_size
    line = crypto.line
    assert line.text.startswith(f"a=crypto:7 {suite.value} inline:")
    assert Crypto.parse(line.argument) == crypto


def test_example_of_rfc_4568_section_9_1_is_read_with_its_lifetime_and_mki() -> None:
    crypto = made(
        "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4"
    )
    assert crypto.key.suite is CryptoSuite.AES_CM_128_HMAC_SHA1_80
    assert crypto.key.material == base64.b64decode("d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj")
    assert crypto.key.lifetime == 1 << 20
    assert crypto.key.mki == b"\0\0\0\1"


@pytest.mark.parametrize(
    ("ending", "lifetime", "mki"),
    [
        ("", None, b""),
        ("|2^31", 1 << 31, b""),
        ("|1048576", 1 << 20, b""),
        ("|2^48|255:1", 1 << 48, b"\xff"),
        ("|1:1", None, b"\1"),
        ("|2^20|1:4 WSH=128", 1 << 20, b"\0\0\0\1"),
        (" -SOMETHING=1 WSH=64", None, b""),
    ],
)
def test_lifetime_mki_and_harmless_parameters_are_read(
    ending: str, lifetime: int | None, mki: bytes
) -> None:
    key = made(f"1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_30}{ending}").key
    assert (key.lifetime, key.mki) == (lifetime, mki)


def test_key_without_padding_is_read() -> None:
    assert made(f"1 AEAD_AES_256_GCM inline:{KEY_44.rstrip('=')}").key.material == bytes(range(44))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a tag, a crypto suite and a key"),
        (f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}", "a tag, a crypto suite and a key"),
        (f"1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}", "a tag, a crypto suite"),
        (f"1 F8_128_HMAC_SHA1_80 inline:{KEY_30}", "suite that is not known"),
        (f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}", "no inline: key"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", "has 30 bytes with its salt, not 5"),
        (f"1 AEAD_AES_128_GCM inline:{KEY_30}", "has 28 bytes with its salt, not 30"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:!!!", "no base64"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30};inline:{KEY_30}", "several keys"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^49", "1 to 2^48 packets"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|0", "a number of packets"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^99", "1 to 2^48 packets"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:0", "does not fit its length"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|256:1", "does not fit its length"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:129", "does not fit its length"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|x:4", "a number and its length"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|{'9' * 400}:4", "a number and its length"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20|1:4|2", "more than a key"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} UNENCRYPTED_SRTP", "session parameter"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} KDR=1", "session parameter"),
    ],
)
def test_crypto_that_cannot_be_used_is_refused_by_name_and_shows_no_key(
    text: str, fault: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)) as refused:
        Crypto.parse(text)
    assert KEY_30[:8] not in str(refused.value)
    assert list(usable([Line.attribute("crypto", text)])) == []


def test_repr_of_keys_and_of_their_lines_shows_no_key() -> None:
    crypto = made(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20|1:4")
    shown = f"{crypto!r} {crypto.key!r} {crypto.line!r} {Line.attribute('crypto', 'x ' + KEY_30)!r}"
    assert KEY_30 not in shown
    assert repr(bytes(range(30)))[2:-1] not in shown


def test_key_of_another_size_than_its_suite_has_is_refused() -> None:
    with pytest.raises(ValueError, match="has 44 bytes"):
        SrtpMasterKey(suite=CryptoSuite.AEAD_AES_256_GCM, material=bytes(43))
