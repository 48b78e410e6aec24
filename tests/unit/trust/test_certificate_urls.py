"""Certificates of signers at URLs that tokens name: fetched where the program allows it."""

from __future__ import annotations

from typing import Any

import pytest

from peer.errors import IdentityError, IdentityFault
from peer.identity.certificate import Certificate
from peer.trust import Authority, CertificateUrlKeys, Signer, Verifier
from tests.support.trust.authority import CertificateAuthority

ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"
URL = "https://certificates.example.org/alice.pem"
SHOWN = frozenset({Certificate.generate().fingerprint()})
ROOT = CertificateAuthority("root")
CHAIN, KEY = ROOT.intermediate("middle").issue(None, uri=ALICE).to_pem()


class _Server:
    """A server of certificates and a clock, both in hand."""

    def __init__(self, answer: bytes | Exception = CHAIN) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.now = 100.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def verifier(self, **options: Any) -> Verifier:
        keys = CertificateUrlKeys(
            Authority(roots=[options.pop("root", ROOT).certificate]),
            **{
                "allows": lambda url: url.startswith("https://certificates.example.org/"),
                "fetch": self.fetch,
                "clock": lambda: self.now,
                **options,
            },
        )
        return Verifier(keys, audience=BOB)


def token(url: str | None = URL, key: bytes = KEY) -> str:
    return Signer(key, origin=ALICE, destination=BOB, key_url=url).sign(SHOWN)


async def fault_of(verifier: Verifier, signed: str) -> IdentityFault:
    with pytest.raises(IdentityError) as raised:
        await verifier.verify(signed, SHOWN)
    return raised.value.fault


async def test_a_signature_is_checked_by_the_certificate_at_its_url_which_is_asked_once() -> None:
    server = _Server()
    verifier = server.verifier()
    for _ in range(3):
        assert (await verifier.verify(token(), SHOWN)).origin == ALICE
    assert server.asked == [URL]
    server.now += 301
    await verifier.verify(token(), SHOWN)
    assert server.asked == [URL, URL]


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://elsewhere.example.org/alice.pem",
        "http://certificates.example.org/alice.pem",
        "file:///etc/passwd",
        "https://[broken/",
    ],
)
async def test_nothing_is_fetched_from_a_url_that_is_not_allowed(url: str | None) -> None:
    server = _Server()
    assert await fault_of(server.verifier(), token(url)) is IdentityFault.UNREACHABLE
    allowing = server.verifier(allows=lambda _: True)
    if url is None or not url.startswith("https://elsewhere"):
        assert await fault_of(allowing, token(url)) is IdentityFault.UNREACHABLE
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [OSError("away"), b"no certificate", CHAIN * 5, b"x" * 300_000],
    ids=["nobody answers", "no certificate", "too many certificates", "too long"],
)
async def test_a_url_without_a_certificate_is_asked_again_after_ten_seconds(answer: Any) -> None:
    server = _Server(answer)
    verifier = server.verifier()
    for _ in range(3):
        assert await fault_of(verifier, token()) is IdentityFault.UNREACHABLE
    assert len(server.asked) == 1
    server.answer, server.now = CHAIN, server.now + 11
    await verifier.verify(token(), SHOWN)


async def test_a_certificate_of_another_authority_or_name_is_not_trusted() -> None:
    stranger = CertificateAuthority("stranger")
    assert await fault_of(_Server().verifier(root=stranger), token()) is IdentityFault.UNTRUSTED
    bobs, key = ROOT.issue(None, uri=BOB).to_pem()
    assert await fault_of(_Server(bobs).verifier(), token(key=key)) is IdentityFault.UNTRUSTED


async def test_answers_are_kept_of_few_urls() -> None:
    server = _Server()
    verifier = server.verifier()
    urls = [f"https://certificates.example.org/{number}" for number in range(65)]
    for url in urls:
        await verifier.verify(token(url), SHOWN)
    await verifier.verify(token(urls[-1]), SHOWN)
    assert len(server.asked) == 65
    await verifier.verify(token(urls[0]), SHOWN)
    assert len(server.asked) == 66
