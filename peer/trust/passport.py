"""Signs the fingerprints of a description, and checks them: PASSporT (RFC 8225), claim `mky`.

A token says who (`orig`) tells whom (`dest`) which fingerprints (`mky`), and when (`iat`). It goes
beside the description, in the messages of a room or in the Identity header of SIP (RFC 8224).
"""

from __future__ import annotations

import base64
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from peer.descriptions import MAX_IDENTITY
from peer.errors import ConfigurationError, IdentityError
from peer.identity.fingerprints import Fingerprint

if TYPE_CHECKING:
    from peer.times import Seconds

#: Largest token, in characters (ours).
MAX_TOKEN = MAX_IDENTITY
#: Greatest age of a token in seconds, and as much of the future (RFC 8224 section 6.2.2).
FRESHNESS = 60.0
#: Tokens that are remembered so that none is taken twice (ours).
_MAX_SEEN = 65536
_ALGORITHM = "ES256"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """Statement of a token that was verified.

    Args:
        origin: The URI of who signed, such as `sip:alice@example.org` or `mailto:a@example.org`.
        destinations: The URIs of those that it is for.
        fingerprints: The fingerprints of its description, all of them.
        issued: When it was signed, in seconds since 1970.
    """

    origin: str
    destinations: tuple[str, ...]
    fingerprints: frozenset[Fingerprint]
    issued: float


class Signer:
    """Signs the fingerprints of our descriptions in our name.

    Args:
        key: An ECDSA P-256 key in PEM, or of `cryptography`: RFC 8225 section 8.1 has ES256.
        origin: Our URI.
        destination: The URI of the peer; the name of a room does as well, as both ends know it.
        key_id: Names the key to those who hold several (`kid`), or None.
        key_url: Where its certificate is (`x5u`, RFC 8225 section 4.3), or None.
        chain: Its certificate and those of authorities above it, in PEM, to be shown with each
            token (`x5c`, RFC 7515 section 4.1.6); or None.
        clock: Gives the present in seconds since 1970.

    Raises:
        ConfigurationError: The key is no such key.
    """

    def __init__(
        self,
        key: bytes | str | ec.EllipticCurvePrivateKey,
        *,
        origin: str,
        destination: str,
        key_id: str | None = None,
        key_url: str | None = None,
        chain: bytes | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._key = _private_key(key)
        self._destination = destination
        self._headers: dict[str, Any] = {"typ": "passport"}
        if key_url is not None:
            self._headers["x5u"] = key_url
        if key_id is not None:
            self._headers["kid"] = key_id
        if chain is not None:
            self._headers["x5c"] = _x5c(chain)
        self._clock = clock
        self.origin = origin

    def __repr__(self) -> str:
        return f"<Signer {self.origin}>"

    def sign(self, fingerprints: Iterable[Fingerprint]) -> str:
        """Return a token over these fingerprints, signed now.

        Args:
            fingerprints: All that the description has.
        """
        # RFC 8225 section 9: keys in lexicographic order, as `sort_headers` has them too.
        claims = {
            "dest": {"uri": [self._destination]},
            "iat": int(self._clock()),
            "mky": _mky(fingerprints),
            "orig": {"uri": self.origin},
        }
        token: str = _jwt().encode(
            claims, self._key, algorithm=_ALGORITHM, headers=self._headers, sort_headers=True
        )
        return token


class KeySource(Protocol):
    """Source of the keys of those who sign: `PublicKeys`, or one of your own."""

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key that signs for an origin.

        Args:
            header: The header of the token, which is not verified yet: `kid` may choose among keys
                that are trusted, and nothing in it may name a place to fetch one from.
            origin: The URI that the token claims to be from, not verified yet either.

        Raises:
            IdentityError: No key is known for it.
        """


class Verifier:
    """Checks that the fingerprints of a description are signed, freshly, and for us.

    Args:
        keys: The keys of those who may sign.
        audience: Our URI, or what the signer has as `destination`: another one is refused.
        freshness: Longest age of a token, in seconds, and as much of the future.
        clock: Gives the present in seconds since 1970.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        audience: str,
        freshness: Seconds = FRESHNESS,
        clock: Clock = time.time,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._freshness = freshness
        self._clock = clock
        # Tokens by `_serial`, until they are stale: none is taken for two descriptions.
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Verifier for {self._audience}>"

    async def verify(self, token: str, fingerprints: Iterable[Fingerprint]) -> SignedIdentity:
        """Check a token that came with a description.

        Args:
            token: The token.
            fingerprints: All fingerprints of the description.

        Raises:
            IdentityError: The token is malformed, stale, used already, for somebody else, of an
                unknown signer, or does not cover exactly these fingerprints.
        """
        header, claims = _unverified(token)
        origin = _uris(claims, "orig")[0]
        key = await self._keys.key_for(header, origin)
        _check_signature(token, key)
        said = SignedIdentity(origin, _uris(claims, "dest"), _signed(claims), _issued(claims))
        self._check(said, frozenset(fingerprints))
        self._note(_serial(token), said)
        return said

    def _check(self, said: SignedIdentity, fingerprints: frozenset[Fingerprint]) -> None:
        age = self._clock() - said.issued
        if abs(age) > self._freshness:
            when = f"{age:.0f} s old" if age > 0 else f"from {-age:.0f} s in the future"
            raise IdentityError(
                f"the signature of {said.origin} is {when}; {self._freshness:.0f} s are allowed"
            )
        if self._audience not in said.destinations:
            others = ", ".join(said.destinations)
            raise IdentityError(
                f"the signature of {said.origin} is for {others}, and not for {self._audience}"
            )
        if said.fingerprints != fingerprints:
            raise IdentityError(
                f"the signature of {said.origin} does not cover the fingerprints of the description"
            )

    def _note(self, serial: bytes, said: SignedIdentity) -> None:
        now = self._clock()
        while self._seen and next(iter(self._seen.values())) < now - 2 * self._freshness:
            self._seen.popitem(last=False)
        if serial in self._seen:
            raise IdentityError(f"the signature of {said.origin} was used before")
        self._seen[serial] = now
        if len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)


class PublicKeys:
    """The keys of signers, each named by its URI: a `KeySource` in memory.

    Args:
        keys: A key in PEM (public key or certificate), or of `cryptography`, for each URI; several
            in a sequence, while a signer changes its key.

    Raises:
        ConfigurationError: A key is no ECDSA P-256 key.
    """

    def __init__(self, keys: Mapping[str, Key | Sequence[Key]]) -> None:
        self._keys = {
            origin: tuple(map(public_key, _several(given))) for origin, given in keys.items()
        }

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key of an origin, by `kid` (the number of the key) where it has several."""
        keys = self._keys.get(origin, ())
        if not keys:
            raise IdentityError(f"no key is known for {origin}")
        kid = str(header.get("kid", "0"))
        index = int(kid) if kid.isdecimal() and len(kid) < 4 else 0
        return keys[index] if index < len(keys) else keys[0]


Key = bytes | str | ec.EllipticCurvePublicKey


def public_key(key: Key) -> ec.EllipticCurvePublicKey:
    """Read an ECDSA P-256 key from PEM, of the key or of a certificate that holds it.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(key, bytes | str):
        data = key.encode() if isinstance(key, str) else key
        try:
            if b"BEGIN CERTIFICATE" in data:
                read: object = x509.load_pem_x509_certificate(data).public_key()
            else:
                read = serialization.load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ConfigurationError("the key of a signer is not a readable PEM text") from error
    else:
        read = key
    if not isinstance(read, ec.EllipticCurvePublicKey) or not isinstance(read.curve, ec.SECP256R1):
        raise ConfigurationError("the key of a signer is an ECDSA P-256 key (RFC 8225 section 8.1)")
    return read


def _several(given: Key | Sequence[Key]) -> Sequence[Key]:
    return [given] if isinstance(given, bytes | str | ec.EllipticCurvePublicKey) else given


def _private_key(key: bytes | str | ec.EllipticCurvePrivateKey) -> ec.EllipticCurvePrivateKey:
    read: object = key
    if isinstance(key, bytes | str):
        try:
            data = key.encode() if isinstance(key, str) else key
            read = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError("the key to sign with is not a readable PEM text") from error
    if not isinstance(read, ec.EllipticCurvePrivateKey) or not isinstance(read.curve, ec.SECP256R1):
        raise ConfigurationError("the key to sign with is an ECDSA P-256 key (RFC 8225 8.1)")
    return read


def _x5c(chain: bytes) -> list[str]:
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise ConfigurationError("the certificate of the signer is not readable PEM") from error
    encoded = (each.public_bytes(serialization.Encoding.DER) for each in certificates)
    return [base64.b64encode(each).decode() for each in encoded]


def _mky(fingerprints: Iterable[Fingerprint]) -> list[dict[str, str]]:
    """Write fingerprints as RFC 8225 section 5.2.2 has them: without colons, in order."""
    pairs = {(each.algorithm, each.value.replace(":", "")) for each in fingerprints}
    return [{"alg": algorithm, "dig": digest} for algorithm, digest in sorted(pairs)]


def _jwt() -> Any:
    try:
        import jwt
    except ImportError as error:
        raise ConfigurationError(
            "signatures need the package `PyJWT` (pip install 'handfast[jwt]')"
        ) from error
    return jwt


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a token before it is verified, to find its key."""
    if len(token) > MAX_TOKEN:
        raise IdentityError(f"a signature has at most {MAX_TOKEN} characters")
    jwt = _jwt()
    try:
        read = jwt.api_jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise IdentityError(f"the signature is malformed: {error}") from error
    header, claims = read["header"], read["payload"]
    # The key fixes the algorithm, never the token; RFC 8225 section 4.1 has the type.
    if header.get("alg") != _ALGORITHM or header.get("typ") != "passport":
        raise IdentityError("a signature is a PASSporT signed with ES256")
    if "ppt" in header or "crit" in header:
        # RFC 8225 section 8.1: an extension that is not understood is not taken.
        raise IdentityError("the signature asks for an extension that is not known here")
    return header, claims


def _check_signature(token: str, key: ec.EllipticCurvePublicKey) -> None:
    jwt = _jwt()
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    try:
        jwt.decode(token, key, algorithms=[_ALGORITHM], options=options)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise IdentityError(f"the signature does not hold: {error}") from error


def _serial(token: str) -> bytes:
    """Return what all tokens with the same signature have in common, however it is written.

    Of a signature (r, s) anybody can make (r, -s), and base64 has several texts for the same bytes
    (RFC 4648 section 3.5): r alone is new in each signature, and cannot be chosen without the key.
    """
    signature = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(signature + "==")[:32]


def _uris(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = claims.get(name)
    uris = given.get("uri") if isinstance(given, dict) else None
    if isinstance(uris, str):
        uris = [uris]
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) for uri in uris):
        raise IdentityError(f"the signature names no URI in {name!r}")
    return tuple(uris)


def _issued(claims: Mapping[str, Any]) -> float:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise IdentityError("the signature does not say when it was made")
    try:
        when = float(issued)
    except OverflowError:
        when = math.inf
    if not math.isfinite(when):
        # Python reads NaN and Infinity in JSON, and no comparison finds NaN too old.
        raise IdentityError("the signature does not say when it was made")
    return when


def _signed(claims: Mapping[str, Any]) -> frozenset[Fingerprint]:
    given = claims.get("mky")
    given = [given] if isinstance(given, dict) else given
    if not isinstance(given, list) or not given:
        raise IdentityError("the signature covers no fingerprint")
    try:
        return frozenset(map(_fingerprint, given))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IdentityError("the signature covers a fingerprint that is malformed") from error


def _fingerprint(entry: Mapping[str, str]) -> Fingerprint:
    digest = bytes.fromhex(entry["dig"].replace(":", ""))
    return Fingerprint.parse(f"{entry['alg']} {digest.hex(':')}")
