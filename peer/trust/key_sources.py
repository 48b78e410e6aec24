"""Sources of the keys of signers: a JWKS URL, or certificates that their tokens show."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from peer.errors import ConfigurationError, IdentityError, IdentityFault, PeerTrustError
from peer.trust.passport import public_key

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from peer.times import MonotonicTime, Seconds
    from peer.trust.authority import Authority

#: Largest answer of a server of keys in bytes, most keys in it, and longest wait for it (ours).
_MAX_ANSWER: Final = 256 * 1024
_MAX_KEYS: Final = 64
_TIMEOUT: Final = 5.0
#: Seconds until an unknown key has the server asked again: whoever names keys that do not exist
#: must not make us ask for each (ours).
_LEAST_INTERVAL: Final = 10.0
#: Lifetimes for which keys serve on while their server is away (ours): who holds it up must not
#: keep a key in use that was withdrawn.
_STALE_LIFETIMES: Final = 4
#: Most certificates that a token may show, or a URL answer with (ours).
_MAX_CHAIN: Final = 8
#: Most URLs whose answers are kept (ours).
_MAX_URLS: Final = 64
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Fetch = Callable[[str], bytes]


class JwksKeys:
    """Keys of signers from a JWKS URL (RFC 7517), each found by the token's `kid`: a `KeySource`.

    Args:
        url: An `https:` URL, or one of this machine; a redirect is not followed.
        signs_for: Tells whether the keys of this server sign for an origin.
        lifetime: Seconds for which an answer is used.
        fetch: Gets the answer, on a thread of its own; `urllib` by default.
        clock: Gives the present in seconds.

    Raises:
        ConfigurationError: The URL is another one.
    """

    def __init__(
        self,
        url: str,
        *,
        signs_for: Callable[[str], bool],
        lifetime: Seconds = 300.0,
        fetch: Fetch | None = None,
        clock: Callable[[], MonotonicTime] = time.monotonic,
    ) -> None:
        if not _is_safe(url):
            raise ConfigurationError(f"the keys of signers come by an https: URL, not {url!r}")
        self._url = url
        self._signs_for = signs_for
        self._lifetime = lifetime
        self._fetch = fetch or _get
        self._clock = clock
        self._keys: dict[str, ec.EllipticCurvePublicKey] = {}
        self._asked: MonotonicTime | None = None
        self._answered: MonotonicTime | None = None
        # Many calls at once ask the server once.
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<JwksKeys {self._url} with {len(self._keys)} keys>"

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key that a token names by `kid`.

        Raises:
            IdentityError: The server does not sign for this origin, has no such key, or is away.
        """
        if not self._signs_for(origin):
            raise IdentityError(
                f"the keys of {self._url} do not sign for {origin}", IdentityFault.UNTRUSTED
            )
        name = str(header.get("kid", ""))
        async with self._one_at_a_time:
            if self._is_due(name):
                await self._ask()
            key = self._keys.get(name)
        if key is None:
            raise IdentityError(
                f"{self._url} has no key {name!r}, which signs for {origin}",
                IdentityFault.UNTRUSTED,
            )
        return key

    def _is_due(self, name: str) -> bool:
        if self._asked is None:
            return True
        age = self._clock() - self._asked
        return age >= self._lifetime or (name not in self._keys and age >= _LEAST_INTERVAL)

    async def _ask(self) -> None:
        now = self._asked = self._clock()
        try:
            self._keys = _read(await asyncio.to_thread(self._fetch, self._url))
            self._answered = now
        except (OSError, ValueError) as error:
            # A server that is away for a moment ends no call.
            known = self._answered
            if known is None or now - known > _STALE_LIFETIMES * self._lifetime:
                self._keys = {}
                raise IdentityError(
                    f"no keys of signers from {self._url}: {error}", IdentityFault.UNREACHABLE
                ) from error


class CertificateKeys:
    """Keys of signers in certificates that their tokens show (`x5c`, RFC 7515): a `KeySource`.

    Args:
        authority: Has to vouch for the certificate, which names the origin in its subjectAltName.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def __repr__(self) -> str:
        return f"<CertificateKeys by {self._authority!r}>"

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key of the certificate that the token shows.

        Raises:
            IdentityError: It shows none, or none that is the origin's by this authority.
        """
        shown = header.get("x5c")
        if not isinstance(shown, list) or not 0 < len(shown) <= _MAX_CHAIN:
            raise IdentityError(
                f"the signature of {origin} shows no certificate", IdentityFault.UNREACHABLE
            )
        try:
            chain = [base64.b64decode(each, validate=True) for each in shown]
        except (binascii.Error, TypeError, ValueError) as error:
            raise IdentityError(f"the certificate of {origin} cannot be read") from error
        return _key_of(chain, origin, self._authority)


class CertificateUrlKeys:
    """Keys of signers in certificates at the URLs that their tokens name: a `KeySource`.

    A token names it in `x5u`, and the Identity header of SIP in `info` (RFC 8224 section 7.3). Only
    what the program allows is ever fetched, and no redirect is followed.

    Args:
        authority: Has to vouch for the certificate, which names the origin in its subjectAltName.
        allows: Tells whether a URL may be fetched: an `https:` URL, or one of this machine, as
            others are refused before.
        lifetime: Seconds for which an answer is used.
        fetch: Gets the answer, on a thread of its own: PEM, the signer's certificate first. By
            `urllib` where None.
        clock: Gives the present in seconds.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        allows: Callable[[str], bool],
        lifetime: Seconds = 300.0,
        fetch: Fetch | None = None,
        clock: Callable[[], MonotonicTime] = time.monotonic,
    ) -> None:
        self._authority = authority
        self._allows = allows
        self._lifetime = lifetime
        self._fetch = fetch or _get
        self._clock = clock
        #: Answers by URL, with their time: None where there was none.
        self._answers: OrderedDict[str, tuple[MonotonicTime, list[bytes] | None]] = OrderedDict()
        # Many calls at once ask a server once.
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<CertificateUrlKeys by {self._authority!r}>"

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key of the certificate at the URL that the token names.

        Raises:
            IdentityError: It names none that is allowed, nothing usable is there, or it is not the
                origin's by this authority.
        """
        url = header.get("x5u")
        if not isinstance(url, str) or not _is_safe(url) or not self._allows(url):
            raise IdentityError(
                f"the certificate of {origin} is at {url!r}, and nothing is fetched from there",
                IdentityFault.UNREACHABLE,
            )
        async with self._one_at_a_time:
            chain = self._known(url)
            if chain is None:
                chain = await self._ask(url, origin=origin)
        return _key_of(chain, origin, self._authority)

    def _known(self, url: str) -> list[bytes] | None:
        """Return what a URL has answered; None where it has to be asked.

        Raises:
            IdentityError: It was asked in vain a moment ago.
        """
        when, chain = self._answers.get(url, (0.0, None))
        age = self._clock() - when
        if url in self._answers and chain is None and age < _LEAST_INTERVAL:
            raise IdentityError(f"{url} had no certificate just now", IdentityFault.UNREACHABLE)
        return chain if age < self._lifetime else None

    async def _ask(self, url: str, *, origin: str) -> list[bytes]:
        chain: list[bytes] | None = None
        try:
            chain = _chain_of(await asyncio.to_thread(self._fetch, url))
            return chain
        except (OSError, ValueError) as error:
            raise IdentityError(
                f"no certificate of {origin} from {url}: {error}", IdentityFault.UNREACHABLE
            ) from error
        finally:
            self._answers.pop(url, None)
            self._answers[url] = (self._clock(), chain)
            if len(self._answers) > _MAX_URLS:
                self._answers.popitem(last=False)


def _key_of(chain: Sequence[bytes], origin: str, authority: Authority) -> ec.EllipticCurvePublicKey:
    """Return the key of an origin, from its certificate and those above it, in DER.

    Raises:
        IdentityError: The authority does not vouch for it, or it cannot be read.
    """
    leaf, *above = chain
    try:
        authority.verify(leaf, above, name=origin)
        return public_key(x509.load_der_x509_certificate(leaf).public_key())  # type: ignore[arg-type]  # it is checked there
    except (ValueError, ConfigurationError) as error:
        raise IdentityError(
            f"the certificate of {origin} cannot be read", IdentityFault.UNTRUSTED
        ) from error
    except PeerTrustError as error:
        raise IdentityError(
            f"the certificate of {origin}: {error.reason}", IdentityFault.UNTRUSTED
        ) from error


def _chain_of(answer: bytes) -> list[bytes]:
    """Read certificates in PEM, and return them in DER.

    Raises:
        ValueError: It is none, or too many.
    """
    if len(answer) > _MAX_ANSWER:
        raise ValueError(f"the answer has more than {_MAX_ANSWER} bytes")
    found = x509.load_pem_x509_certificates(answer)
    if len(found) > _MAX_CHAIN:
        raise ValueError(f"the answer has more than {_MAX_CHAIN} certificates")
    return [each.public_bytes(serialization.Encoding.DER) for each in found]


def _is_safe(url: str) -> bool:
    """Tell whether nobody on the way can change what a URL answers: https, or this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _read(answer: bytes) -> dict[str, ec.EllipticCurvePublicKey]:
    """Read the P-256 keys of a JWKS; keys of other kinds are passed over.

    Raises:
        ValueError: It is none.
    """
    if len(answer) > _MAX_ANSWER:
        raise ValueError(f"the answer has more than {_MAX_ANSWER} bytes")
    given = json.loads(answer)
    entries = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer is no JWKS")
    keys: dict[str, ec.EllipticCurvePublicKey] = {}
    for entry in entries[:_MAX_KEYS]:
        if isinstance(entry, dict) and (entry.get("kty"), entry.get("crv")) == ("EC", "P-256"):
            numbers = ec.EllipticCurvePublicNumbers(
                _number(entry.get("x")), _number(entry.get("y")), ec.SECP256R1()
            )
            keys[str(entry.get("kid", ""))] = numbers.public_key()
    return keys


def _number(text: object) -> int:
    if not isinstance(text, str):
        raise ValueError("a coordinate of a key is missing")
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _get(url: str) -> bytes:
    # Imported where it is used: who asks no server does not pay for it.
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        """Handler that follows no redirect: who may send us elsewhere, may choose the keys."""

        def redirect_request(self, *_: Any) -> None:
            """Follow nothing, so that the redirect is an error."""

    response: HTTPResponse
    with urllib.request.build_opener(NoRedirect).open(url, timeout=_TIMEOUT) as response:
        return response.read(_MAX_ANSWER + 1)
