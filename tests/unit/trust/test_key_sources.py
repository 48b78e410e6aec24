"""Keys of signers come from a JWKS URL or a certificate, bounded, and refused by name."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from peer.errors import ConfigurationError, IdentityError
from peer.identity.certificate import Certificate
from peer.trust import Authority, CertificateKeys, JwksKeys, Signer, Verifier
from tests.support.trust.authority import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, NEXT_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"
URL = "https://keys.example.org/jwks.json"
SHOWN = frozenset({Certificate.generate().fingerprint()})


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")


def jwks(**keys: ec.EllipticCurvePrivateKey) -> bytes:
    """What a server of keys answers."""
    entries: list[dict[str, str]] = [{"kty": "RSA", "kid": "other", "n": "AQAB", "e": "AQAB"}]
    for name, key in keys.items():
        numbers = key.public_key().public_numbers()
        point = {"x": _text(numbers.x), "y": _text(numbers.y)}
        entries.append({"kty": "EC", "crv": "P-256", "kid": name, **point})
    return json.dumps({"keys": entries}).encode()


class _Server:
    """A server of keys and a clock, both in hand."""

    def __init__(self, answer: bytes) -> None:
        self.answer: bytes | Exception = answer
        self.asked = 0
        self.now = 0.0

    def fetch(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def keys(self) -> JwksKeys:
        return JwksKeys(
            URL,
            signs_for=lambda origin: origin.endswith("@example.org"),
            fetch=self.fetch,
            clock=lambda: self.now,
        )


async def test_a_signature_is_checked_by_the_key_that_a_jwks_has_under_its_name() -> None:
    keys = _Server(jwks(one=KEY, two=NEXT_KEY)).keys()
    verifier = Verifier(keys, audience=BOB)
    for key, name in ((KEY, "one"), (NEXT_KEY, "two")):
        token = Signer(key, origin=ALICE, destination=BOB, key_id=name).sign(SHOWN)
        assert (await verifier.verify(token, SHOWN)).origin == ALICE
    forged = Signer(KEY, origin=ALICE, destination=BOB, key_id="two").sign(SHOWN)
    with pytest.raises(IdentityError, match="does not hold"):
        await verifier.verify(forged, SHOWN)


async def test_a_server_of_keys_signs_for_its_own_origins_alone() -> None:
    server = _Server(jwks(one=KEY))
    with pytest.raises(IdentityError, match="do not sign for sip:eve@elsewhere"):
        await server.keys().key_for({"kid": "one"}, "sip:eve@elsewhere.example")
    assert server.asked == 0


async def test_the_server_is_asked_once_for_a_while_and_again_for_a_new_key() -> None:
    server = _Server(jwks(one=KEY))
    keys = server.keys()
    await asyncio.gather(*(keys.key_for({"kid": "one"}, ALICE) for _ in range(20)))
    assert server.asked == 1
    for _ in range(100):
        with pytest.raises(IdentityError, match="has no key 'two'"):
            await keys.key_for({"kid": "two"}, ALICE)
    assert server.asked == 1
    server.answer, server.now = jwks(two=NEXT_KEY), 11.0
    await keys.key_for({"kid": "two"}, ALICE)
    with pytest.raises(IdentityError, match="has no key 'one'"):
        await keys.key_for({"kid": "one"}, ALICE)
    assert server.asked == 2
    server.now = 400.0
    await keys.key_for({"kid": "two"}, ALICE)
    assert server.asked == 3


async def test_keys_serve_on_while_their_server_is_away_but_not_for_long() -> None:
    server = _Server(jwks(one=KEY))
    keys = server.keys()
    await keys.key_for({"kid": "one"}, ALICE)
    server.answer, server.now = OSError("away"), 301.0
    await keys.key_for({"kid": "one"}, ALICE)
    server.now = 1500.0
    with pytest.raises(IdentityError, match=r"no keys of signers from .*: away"):
        await keys.key_for({"kid": "one"}, ALICE)


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b'{"keys": 1}', b"\xff", b'{"keys": [{"kty": "EC", "crv": "P-256"}]}'],
    ids=["empty", "list", "number", "binary", "no-point"],
)
async def test_an_answer_that_is_no_jwks_is_refused_by_name(answer: bytes) -> None:
    with pytest.raises(IdentityError, match="no keys of signers from"):
        await _Server(answer).keys().key_for({"kid": "one"}, ALICE)


async def test_an_answer_that_is_too_large_is_refused() -> None:
    with pytest.raises(IdentityError, match="more than 262144 bytes"):
        await _Server(b" " * 300_000).keys().key_for({"kid": "one"}, ALICE)


def test_keys_come_by_tls_or_from_this_machine() -> None:
    JwksKeys("http://127.0.0.1:8000/jwks.json", signs_for=lambda _: True)
    for url in ("http://keys.example.org/jwks.json", "file:///etc/passwd", "ftp://a/b"):
        with pytest.raises(ConfigurationError, match="by an https: URL"):
            JwksKeys(url, signs_for=lambda _: True)


@contextmanager
def _http(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/jwks.json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_keys_come_over_http_and_no_redirect_is_followed() -> None:
    with _http({"/jwks.json": (200, jwks(one=KEY)), "/moved": (302, b"")}) as url:
        keys = JwksKeys(f"{url}/jwks.json", signs_for=lambda _: True)
        found = await keys.key_for({"kid": "one"}, ALICE)
        assert found.public_numbers() == KEY.public_key().public_numbers()
        with pytest.raises(IdentityError, match="302"):
            await JwksKeys(f"{url}/moved", signs_for=lambda _: True).key_for({}, ALICE)


def _pem(certificate: Certificate) -> tuple[bytes, bytes]:
    chain, key = certificate.to_pem()
    return chain, key


async def test_a_signature_is_checked_by_the_certificate_that_its_token_shows() -> None:
    root = CertificateAuthority("root")
    chain, key = _pem(root.intermediate("middle").issue(None, uri=ALICE))
    verifier = Verifier(CertificateKeys(Authority(roots=[root.certificate])), audience=BOB)
    token = Signer(key, origin=ALICE, destination=BOB, chain=chain).sign(SHOWN)
    assert (await verifier.verify(token, SHOWN)).origin == ALICE


@pytest.mark.parametrize("flaw", ["none", "other-name", "other-root", "other-key", "broken"])
async def test_a_certificate_that_does_not_make_the_signer_known_is_refused(flaw: str) -> None:
    root = CertificateAuthority("root")
    issuer = CertificateAuthority("root") if flaw == "other-root" else root
    chain, key = _pem(issuer.issue(None, uri=BOB if flaw == "other-name" else ALICE))
    if flaw == "other-key":
        key = _pem(root.issue(None, uri=ALICE))[1]
    signer = Signer(key, origin=ALICE, destination=BOB, chain=None if flaw == "none" else chain)
    if flaw == "broken":
        signer._headers["x5c"] = ["AAAA"]  # noqa: SLF001 - what no signer of ours writes
    verifier = Verifier(CertificateKeys(Authority(roots=[root.certificate])), audience=BOB)
    expected = {
        "none": "shows no certificate",
        "other-name": "not for",
        "other-root": "no authority vouches",
        "other-key": "does not hold",
        "broken": "cannot be read",
    }
    with pytest.raises(IdentityError, match=expected[flaw]):
        await verifier.verify(signer.sign(SHOWN), SHOWN)
