"""Files and answers that trust rests on, changed anywhere: read, or refused by a named error."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import ConfigurationError, IdentityError, PeerTrustError, TrustStoreError
from peer.identity.certificate import Certificate
from peer.trust import Authority, JwksKeys, KnownPeers
from peer.trust.peer_store import KnownPeer
from tests.support.trust.authority import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = CertificateAuthority("root")
_MIDDLE = _ROOT.intermediate("middle")
_BOB = _MIDDLE.issue("bob.example", uri="sip:bob@example.org")
_ROOTS = _ROOT.certificate.public_bytes(Encoding.PEM)
_LIST = _ROOT.revoke(_BOB).public_bytes(Encoding.PEM)
_CHAIN = [each.public_bytes(Encoding.DER) for each in _BOB.chain]
_KNOWN = KnownPeer(fingerprint=Certificate.generate().fingerprint())


@st.composite
def _changed(draw: Callable[..., Any], data: bytes, most: int = 4) -> bytes:
    """The same with some pieces replaced, most often one."""
    text = bytearray(data)
    for _ in range(draw(st.integers(min_value=0, max_value=most))):
        place = draw(st.integers(min_value=0, max_value=len(text)))
        size = draw(st.integers(min_value=0, max_value=40))
        text[place : place + size] = draw(st.binary(max_size=40))
    return bytes(text)


@given(roots=_changed(_ROOTS), revoked=_changed(_LIST))
def test_roots_and_lists_of_what_is_revoked_are_read_or_refused_by_name(
    roots: bytes, revoked: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "roots.pem", Path(folder) / "crl.pem"
        for path, content in zip(files, (roots, revoked), strict=True):
            path.write_bytes(content)
        with contextlib.suppress(ConfigurationError, PeerTrustError):
            Authority.from_files(files[0], revoked=files[1]).verify(_BOB.der, _CHAIN)


@given(shown=_changed(_BOB.der), chain=st.lists(_changed(_CHAIN[0]), max_size=3))
def test_a_chain_that_a_peer_shows_is_verified_or_refused_by_name(
    shown: bytes, chain: list[bytes]
) -> None:
    with contextlib.suppress(PeerTrustError):
        Authority(roots=[_ROOT.certificate]).verify(shown, chain, name="bob.example")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["keys", "kty", "crv", "kid", "x", "y", "alg", "use"]), inner
        )
    ),
    max_leaves=12,
)


def _jwks() -> bytes:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    point = {"x": f"{numbers.x:x}", "y": f"{numbers.y:x}"}
    return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", **point}]}).encode()


@given(answer=_changed(_jwks()) | _JSON.map(lambda each: json.dumps(each).encode()))
def test_an_answer_of_a_server_of_keys_is_read_or_refused_by_name(answer: bytes) -> None:
    keys = JwksKeys(
        "https://keys.example.org/jwks.json", signs_for=lambda _: True, fetch=lambda _: answer
    )
    with contextlib.suppress(IdentityError):
        asyncio.run(keys.key_for({"kid": "a"}, "sip:a@example.org"))


def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        store = KnownPeers(Path(folder) / "known.db")
        for name in ("bob", "carol"):
            asyncio.run(store.remember(name, _KNOWN, former=None))
        return (Path(folder) / "known.db").read_bytes()


@given(content=_changed(_database()))
def test_a_store_of_known_peers_is_used_or_refused_by_name(content: bytes) -> None:
    async def use(path: Path) -> None:
        store = KnownPeers(path)
        former = await store.lookup("bob")
        await store.names()
        await store.remember("bob", _KNOWN, former=former)
        await store.forget("carol")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.db"
        path.write_bytes(content)
        with contextlib.suppress(ConfigurationError, TrustStoreError):
            asyncio.run(use(path))
