"""Certificates are kept in files that their owner alone reads, and renewed before they end."""

from __future__ import annotations

import contextlib
import datetime
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import ConfigurationError
from peer.identity.certificate import Certificate, KeyType
from peer.identity.voucher import VoucherPurpose, followed

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
_RENEWAL = VoucherPurpose.RENEWAL


@pytest.mark.parametrize("kind", list(KeyType))
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_saved_certificate_is_loaded_as_it_was(
    tmp_path: Path, kind: KeyType, passphrase: str | None
) -> None:
    made = Certificate.generate(kind).vouched_by(Certificate.generate(), VoucherPurpose.RENEWAL)
    made.save(tmp_path / "bot.pem", passphrase=passphrase)
    loaded = Certificate.load(tmp_path / "bot.pem", passphrase=passphrase)
    assert (loaded.der, loaded.vouchers) == (made.der, made.vouchers)
    assert loaded.private_key.private_numbers() == made.private_key.private_numbers()
    assert [each.name for each in tmp_path.iterdir()] == ["bot.pem"]


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_nobody_else_can_read_the_file_and_one_that_others_can_read_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bot.pem"
    Certificate.generate().save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"others can read .*mode 640.*chmod 600"):
        Certificate.load(path)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bot.pem"
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        Certificate.load(path)
    Certificate.generate().save(path, passphrase="one")
    with pytest.raises(ConfigurationError, match="encrypted, and not with this passphrase"):
        Certificate.load(path, passphrase="two")
    with pytest.raises(ConfigurationError, match="encrypted, and not with this passphrase"):
        Certificate.load(path)
    for content, said in (
        (b"", "holds 0 private keys"),
        (b"\xff" * 100, "holds 0 private keys"),
        (b"x" * 70_000, "more than 65536 bytes"),
        (b"".join(Certificate.generate().to_pem()) * 2, "holds 2 private keys"),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ConfigurationError, match=said):
            Certificate.load(path)
    with pytest.raises(ConfigurationError, match="cannot be saved"):
        Certificate.generate().save(tmp_path / "nowhere" / "bot.pem")


def test_a_certificate_is_made_once_and_renewed_before_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "bot.pem"
    first = Certificate.load_or_generate(path, now=NOW)
    assert Certificate.load_or_generate(path, now=NOW + 22 * DAY).der == first.der
    second = Certificate.load_or_generate(path, now=NOW + 24 * DAY)
    assert second.expires > NOW + 50 * DAY
    known, shown = first.fingerprint(), second.fingerprint()
    assert followed(known, shown, second.vouchers) is VoucherPurpose.RENEWAL
    assert Certificate.load(path).der == second.der
    later = Certificate.load_or_generate(path, now=NOW + 90 * DAY)
    assert followed(known, later.fingerprint(), later.vouchers) is VoucherPurpose.RENEWAL


def test_a_lifetime_is_from_a_day_to_a_year() -> None:
    made = Certificate.generate(lifetime=365 * DAY, now=NOW)
    assert made.expires.date() == datetime.date(2027, 11, 30)
    for lifetime in (datetime.timedelta(hours=1), 366 * DAY):
        with pytest.raises(ConfigurationError, match="a day at least, a year at most"):
            Certificate.generate(lifetime=lifetime)


_PEM = b"".join(Certificate.generate().vouched_by(Certificate.generate(), _RENEWAL).to_pem())


@given(st.data())
def test_a_file_that_was_changed_anywhere_is_read_or_refused_by_name(data: st.DataObject) -> None:
    text = bytearray(_PEM)
    for _ in range(data.draw(st.integers(min_value=1, max_value=8))):
        place = data.draw(st.integers(min_value=0, max_value=len(text) - 1))
        text[place : place + data.draw(st.integers(min_value=0, max_value=40))] = data.draw(
            st.binary(max_size=40)
        )
    with contextlib.suppress(ConfigurationError):
        Certificate.from_pem(bytes(text), bytes(text))
