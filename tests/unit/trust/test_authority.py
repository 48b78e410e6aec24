"""Certificates of authorities: chains, names, ends and revocations (RFC 5763 section 8.7)."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from peer.errors import ConfigurationError, PeerTrustError
from peer.identity.certificate import Certificate
from peer.trust import Authority, VerifiedChain
from tests.support.trust.authority import CertificateAuthority

DAY = datetime.timedelta(days=1)
ROOT = CertificateAuthority("root")
INTERMEDIATE = ROOT.intermediate("middle")
BOB = INTERMEDIATE.issue("bob.example", uri="sip:bob@example.org")
CHAIN = [each.public_bytes(serialization.Encoding.DER) for each in BOB.chain]


def test_a_chain_leads_to_a_root_and_gives_the_names() -> None:
    verified = Authority(roots=[ROOT.certificate]).verify(BOB.der, CHAIN)
    assert verified.names == ("bob.example", "sip:bob@example.org")
    assert verified.certificates == (
        BOB.certificate,
        INTERMEDIATE.certificate,
        ROOT.certificate,
    )


@pytest.mark.parametrize("name", ["bob.example", "BOB.example.", "sip:bob@example.org"])
def test_a_name_that_the_certificate_has_is_taken(name: str) -> None:
    Authority(roots=[ROOT.certificate]).verify(BOB.der, CHAIN, name=name)


@pytest.mark.parametrize(
    "name", ["alice.example", "example", "sip:alice@example.org", "sub.bob.example"]
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(PeerTrustError, match=r"is for 'bob.example', 'sip:bob@example.org', not"):
        Authority(roots=[ROOT.certificate]).verify(BOB.der, CHAIN, name=name)


def test_an_asterisk_stands_for_one_label() -> None:
    authority = Authority(roots=[ROOT.certificate])
    wild = ROOT.issue("*.example.org")
    authority.verify(wild.der, name="a.example.org")
    for name in ("example.org", "a.b.example.org", "aexample.org"):
        with pytest.raises(PeerTrustError, match="not for"):
            authority.verify(wild.der, name=name)


def test_a_common_name_is_no_name() -> None:
    plain = ROOT.issue(None)
    with pytest.raises(PeerTrustError, match="is for no name"):
        Authority(roots=[ROOT.certificate]).verify(plain.der, name="peer")


def test_who_no_authority_vouches_for_is_refused() -> None:
    authority = Authority(roots=[ROOT.certificate])
    forged = CertificateAuthority("root").issue("bob.example")
    for der, chain in ((Certificate.generate().der, ()), (forged.der, ()), (BOB.der, ())):
        with pytest.raises(PeerTrustError, match="no authority vouches"):
            authority.verify(der, chain)
    with pytest.raises(PeerTrustError, match="cannot be read"):
        authority.verify(b"no certificate")
    # A peer is no authority, whatever it signs.
    leaf = CertificateAuthority("bob", certificate=BOB.certificate, key=BOB.private_key)
    with pytest.raises(PeerTrustError, match="no authority vouches"):
        authority.verify(leaf.issue("eve.example").der, [BOB.der, *CHAIN])


def test_an_expired_certificate_is_refused() -> None:
    authority = Authority(roots=[ROOT.certificate])
    after = BOB.expires + DAY
    with pytest.raises(PeerTrustError, match="expired"):
        authority.verify(BOB.der, CHAIN, now=after)


def test_a_revoked_certificate_and_one_whose_revocation_nobody_tells_are_refused() -> None:
    other = ROOT.issue("other.example")
    gone = ROOT.issue("gone.example")
    authority = Authority(roots=[ROOT.certificate], revoked=[ROOT.revoke(gone)])
    authority.verify(other.der)
    with pytest.raises(PeerTrustError, match="revoked"):
        authority.verify(gone.der)
    with pytest.raises(PeerTrustError, match="CRL"):
        authority.verify(BOB.der, CHAIN)
    with pytest.raises(PeerTrustError, match="CRL has expired"):
        authority.verify(other.der, now=datetime.datetime.now(datetime.UTC) + 20 * DAY)


def test_the_application_sees_the_chain_and_may_refuse() -> None:
    seen: list[tuple[str, ...]] = []

    def taken(chain: VerifiedChain) -> bool:
        seen.append(chain.names)
        return len(seen) == 1

    authority = Authority(roots=[ROOT.certificate], on_verified=taken)
    authority.verify(BOB.der, CHAIN)
    with pytest.raises(PeerTrustError, match="the application refuses"):
        authority.verify(BOB.der, CHAIN)
    assert seen == [("bob.example", "sip:bob@example.org")] * 2


def test_roots_and_revocations_are_read_from_files(tmp_path: Path) -> None:
    roots, revoked = tmp_path / "roots.pem", tmp_path / "crl.pem"
    roots.write_bytes(ROOT.certificate.public_bytes(serialization.Encoding.PEM))
    revoked.write_bytes(ROOT.revoke(BOB).public_bytes(serialization.Encoding.PEM))
    authority = Authority.from_files(roots, revoked=revoked)
    assert (len(authority.roots), len(authority.revoked)) == (1, 1)
    assert isinstance(authority.roots[0], x509.Certificate)
    (tmp_path / "empty").write_text("")
    for path in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(ConfigurationError):
            Authority.from_files(path)
    with pytest.raises(ConfigurationError, match="at least one root"):
        Authority(roots=[])


def test_an_authority_that_has_expired_vouches_for_nobody() -> None:
    authority = Authority(roots=[ROOT.certificate])
    later = datetime.datetime.now(datetime.UTC) + 40 * DAY
    with pytest.raises(PeerTrustError, match="expired"):
        authority.verify(ROOT.issue("bob.example").der, now=later)


def issued(*extensions: tuple[x509.ExtensionType, bool]) -> bytes:
    """A certificate of the root with extensions, each with whether it is critical, in DER."""
    return ROOT.issue(None, extensions=extensions).der


def test_a_critical_extension_that_nobody_knows_is_refused() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    authority = Authority(roots=[ROOT.certificate])
    authority.verify(issued((unknown, False)))
    with pytest.raises(PeerTrustError, match="critical"):
        authority.verify(issued((unknown, True)))


def test_an_authority_that_may_sign_for_some_names_only_is_held_to_them() -> None:
    limits = x509.NameConstraints([x509.DNSName("example.org")], None)
    middle = ROOT.intermediate("limited", extensions=[(limits, True)])
    authority = Authority(roots=[ROOT.certificate])
    chain = [each.public_bytes(serialization.Encoding.DER) for each in middle.chain]
    authority.verify(middle.issue("bob.example.org").der, chain, name="bob.example.org")
    with pytest.raises(PeerTrustError, match="permitted subtree"):
        authority.verify(middle.issue("bob.example").der, chain, name="bob.example")


@pytest.mark.parametrize(
    "name",
    [x509.UniformResourceIdentifier("bob.example"), x509.RFC822Name("bob.example")],
    ids=["uri", "mail"],
)
def test_a_name_of_one_kind_does_not_stand_for_one_of_another(name: x509.GeneralName) -> None:
    """An authority that is limited to some DNS names may write any URI."""
    shown = issued((x509.SubjectAlternativeName([name]), False))
    with pytest.raises(PeerTrustError, match=r"not for 'bob\.example'"):
        Authority(roots=[ROOT.certificate]).verify(shown, name="bob.example")


def test_a_mail_address_is_a_name() -> None:
    shown = issued((x509.SubjectAlternativeName([x509.RFC822Name("bob@example.org")]), False))
    authority = Authority(roots=[ROOT.certificate])
    authority.verify(shown, name="bob@example.org")
    with pytest.raises(PeerTrustError, match="not for"):
        authority.verify(shown, name="sip:bob@example.org")


def test_names_that_cannot_be_read_are_none() -> None:
    # A GeneralName of the kind x400Address, which nothing reads.
    strange = x509.UnrecognizedExtension(
        x509.SubjectAlternativeName.oid, bytes.fromhex("3004a3023000")
    )
    with pytest.raises(PeerTrustError):
        Authority(roots=[ROOT.certificate]).verify(issued((strange, False)), name="bob.example")
