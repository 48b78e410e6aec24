"""Signs the fingerprints of a description, and checks them: PASSporT (RFC 8225), claim `mky`.

A token says who (`orig`) tells whom (`dest`) which fingerprints (`mky`), and when (`iat`). It goes
beside the description, in the messages of a room or in the Identity header of SIP (RFC 8224).
"""

from __future__ import annotations

import base64
import json
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from peer.descriptions import MAX_IDENTITY
from peer.errors import ConfigurationError, IdentityError, IdentityFault
from peer.identity.fingerprints import Fingerprint
from peer.trust.names import canonical, claim, name_of_number
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds

#: Largest token, in characters (ours).
MAX_TOKEN = MAX_IDENTITY
#: Greatest age of a token in seconds, and as much of the future (RFC 8224 section 6.2.2).
FRESHNESS = 60.0
#: Tokens that are remembered so that none is taken twice (ours).
_MAX_SEEN = 65536
#: Algorithm of every token (RFC 8225 section 8.1).
ALGORITHM = "ES256"
#: Size of its signatures in bytes: two numbers of 32 (RFC 7518 section 3.4).
_SIGNATURE_SIZE = 64
#: Parts of a token: header, claims and signature (RFC 7515 section 7.1).
_PARTS = 3
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
#: The extension of PASSporT whose claims are the ones here, `mky` among them (RFC 8862).
MEDIA_SECURITY = "msec"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """Statement of a token that was verified.

    Args:
        origin: The URI of who signed, such as `sip:alice@example.org` or `mailto:a@example.org`,
            in its canonical form (RFC 8224 section 8).
        destinations: The URIs of those that it is for, likewise.
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
            None where signalling names it for each call, as SIP does.
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
        destination: str | None = None,
        key_id: str | None = None,
        key_url: str | None = None,
        chain: bytes | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._key = _private_key(key)
        self._destination = None if destination is None else canonical(destination)
        self._headers: dict[str, Any] = {"alg": ALGORITHM, "typ": "passport"}
        if key_url is not None:
            self._headers["x5u"] = key_url
        if key_id is not None:
            self._headers["kid"] = key_id
        if chain is not None:
            self._headers["x5c"] = _x5c(chain)
        self._clock = clock
        self.origin = canonical(origin)

    def __repr__(self) -> str:
        return f"<Signer {self.origin}>"

    def sign(self, fingerprints: Iterable[Fingerprint], *, destination: str | None = None) -> str:
        """Return a token over these fingerprints, signed now.

        Args:
            fingerprints: All that the description has.
            destination: The URI of the peer, where this signer has none for all.

        Raises:
            ConfigurationError: Nothing names the peer.
        """
        named = self._destination or (destination and canonical(destination))
        if not named:
            raise ConfigurationError(
                f"{self.origin} signs for nobody: give the Signer a destination, as nothing else "
                "names one"
            )
        signed = _signed_part(
            self._headers,
            origin=self.origin,
            destination=named,
            issued=int(self._clock()),
            fingerprints=fingerprints,
        )
        both = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        raw = b"".join(number.to_bytes(_SIGNATURE_SIZE // 2) for number in both)
        return f"{signed}.{_base64url(raw)}"


class KeySource(Protocol):
    """Source of the keys of those who sign: `PublicKeys`, or one of your own."""

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key that signs for an origin.

        Args:
            header: The header of the token, which is not verified yet: `kid` may choose among keys
                that are trusted, and nothing in it may name a place to fetch one from, unless the
                program allows that place.
            origin: The URI that the token claims to be from, in its canonical form, not verified
                yet either.

        Raises:
            IdentityError: No key is known for it.
        """


class Verifier:
    """Checks that the fingerprints of a description are signed, freshly, and for us.

    Args:
        keys: The keys of those who may sign.
        audience: Our URI, several, or what the signer has as `destination`: another one is refused.
            None where signalling names us for each call, as SIP does.
        answers_for: Tells whether a signer, the first argument, may answer in place of the one that
            was called, the second one: a team, or a call that was forwarded (RFC 4916). Nobody may
            by default.
        freshness: Longest age of a token, in seconds, and as much of the future.
        clock: Gives the present in seconds since 1970.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        audience: str | Sequence[str] | None = None,
        answers_for: Callable[[str, str], bool] | None = None,
        freshness: Seconds = FRESHNESS,
        clock: Clock = time.time,
    ) -> None:
        self._keys = keys
        named = [audience] if isinstance(audience, str) else audience or ()
        self._audience = frozenset(map(canonical, named))
        self._answers_for = answers_for
        self._freshness = freshness
        self._clock = clock
        # Tokens by `_serial`, until they are stale: none is taken for two descriptions.
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Verifier for {', '.join(sorted(self._audience))}>"

    async def verify(
        self,
        token: str,
        fingerprints: Iterable[Fingerprint],
        *,
        audience: str | None = None,
        expected: str | None = None,
    ) -> SignedIdentity:
        """Check a token that came with a description.

        Args:
            token: The token.
            fingerprints: All fingerprints of the description.
            audience: Our URI, where this verifier has none for all.
            expected: The URI of who has to have signed it; None for anybody with a key.

        Raises:
            IdentityError: The token is malformed, stale, used already, for somebody else, of an
                unknown signer, or does not cover exactly these fingerprints.
        """
        header, claims = _unverified(token)
        origin = _names(claims, "orig")[0]
        said = SignedIdentity(origin, _names(claims, "dest"), _signed(claims), _issued(claims))
        # Before its key is asked for: whoever sends what is old has no server asked.
        self._check_fresh(said)
        key = await self._keys.key_for(header, origin)
        _check_signature(token, key)
        self._check_ends(said, audience=audience, expected=expected)
        _check_covers(said, frozenset(fingerprints))
        self._note(_serial(token), said)
        return said

    def _check_fresh(self, said: SignedIdentity) -> None:
        age = self._clock() - said.issued
        if abs(age) > self._freshness:
            when = f"{age:.0f} s old" if age > 0 else f"from {-age:.0f} s in the future"
            raise IdentityError(
                f"the signature of {said.origin} is {when}; {self._freshness:.0f} s are allowed",
                IdentityFault.STALE,
            )

    def _check_ends(
        self, said: SignedIdentity, *, audience: str | None, expected: str | None
    ) -> None:
        ours = self._audience
        if not ours and audience is not None:
            ours = frozenset({canonical(audience)})
        if ours.isdisjoint(said.destinations):
            others, us = ", ".join(said.destinations), ", ".join(sorted(ours)) or "anybody here"
            raise IdentityError(f"the signature of {said.origin} is for {others}, and not for {us}")
        if expected is None or canonical(expected) == said.origin:
            return
        if self._answers_for is None or not self._answers_for(said.origin, canonical(expected)):
            raise IdentityError(
                f"the description is signed by {said.origin}, and the other end is {expected}"
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
            canonical(origin): tuple(map(public_key, _several(given)))
            for origin, given in keys.items()
        }

    async def key_for(self, header: Mapping[str, Any], origin: str) -> ec.EllipticCurvePublicKey:
        """Return the key of an origin, by `kid` (the number of the key) where it has several."""
        keys = self._keys.get(origin, ())
        if not keys:
            raise IdentityError(f"no key is known for {origin}", IdentityFault.UNTRUSTED)
        kid = str(header.get("kid", "0"))
        index = int(kid) if kid.isdecimal() and len(kid) < 4 else 0
        return keys[index] if index < len(keys) else keys[0]


Key = bytes | str | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """Statements of a token that nobody has verified yet: they choose what to do, and no more.

    Args:
        origin: The URI or number of who claims to have signed, in its canonical form.
        issued: When it claims to be signed, in seconds since 1970.
        key_url: Where its certificate is said to be (`x5u`); None where it does not say so.
    """

    origin: str
    issued: float
    key_url: str | None


def read_unverified(token: str) -> UnverifiedToken:
    """Read a token before it is verified.

    Raises:
        IdentityError: It is malformed.
    """
    header, claims = _unverified(token)
    url = header.get("x5u")
    return UnverifiedToken(
        _names(claims, "orig")[0], _issued(claims), url if isinstance(url, str) else None
    )


def full_form(
    compact: str,
    *,
    origin: str,
    destination: str,
    issued: int,
    key_url: str,
    fingerprints: Iterable[Fingerprint],
) -> str:
    """Return the token whose compact form came in a SIP request (RFC 8224 section 4.1).

    Such a form leaves out what stands in the request as well, so that it is put together anew; a
    proxy that has changed any of it has broken the signature.

    Args:
        compact: Two dots and the signature.
        origin: URI of `From`.
        destination: URI of `To`.
        issued: Time of `Date`, in seconds since 1970.
        key_url: The parameter `info`.
        fingerprints: All of the description.
    """
    signed = _signed_part(
        {"alg": ALGORITHM, "typ": "passport", "x5u": key_url},
        origin=canonical(origin),
        destination=canonical(destination),
        issued=issued,
        fingerprints=fingerprints,
    )
    return f"{signed}.{compact.removeprefix('..')}"


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


def _signed_part(
    header: Mapping[str, Any],
    *,
    origin: str,
    destination: str,
    issued: int,
    fingerprints: Iterable[Fingerprint],
) -> str:
    """Write header and claims of a token, all that its signature covers (RFC 7515 section 3.1)."""
    claims = {
        **_ends(origin=origin, destination=destination),
        "iat": issued,
        "mky": _mky(fingerprints),
    }
    # RFC 8225 section 9: no spaces, and keys in lexicographic order.
    parts = (json.dumps(each, separators=(",", ":"), sort_keys=True) for each in (header, claims))
    return ".".join(_base64url(part.encode()) for part in parts)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_part(encoded: str) -> dict[str, Any]:
    """Read the header or the claims of a token.

    Raises:
        ValueError: It is no JSON object in base64url.
    """
    # Python's decoder skips what is no base64.
    if not _BASE64URL.fullmatch(encoded):
        raise ValueError("header and claims are base64url")
    try:
        part = json.loads(base64.urlsafe_b64decode(f"{encoded}=="))
    except RecursionError as error:
        raise ValueError("header and claims are not nested that deep") from error
    if not isinstance(part, dict):
        raise ValueError("header and claims are JSON objects")
    return part


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a token before it is verified, to find its key."""
    if len(token) > MAX_TOKEN:
        raise IdentityError(f"a signature has at most {MAX_TOKEN} characters")
    parts = token.split(".")
    try:
        if len(parts) != _PARTS:
            raise ValueError("a token is header, claims and signature")
        header, claims = map(_read_part, parts[:-1])
        if not isinstance(header.get("kid", ""), str):
            raise ValueError("the name of a key is a string")
    except ValueError as error:
        raise IdentityError(f"the signature is malformed: {error}") from error
    # The key fixes the algorithm, never the token; RFC 8225 section 4.1 has the type.
    if header.get("alg") != ALGORITHM or header.get("typ") != "passport":
        raise IdentityError("a signature is a PASSporT signed with ES256")
    if header.get("ppt", MEDIA_SECURITY) != MEDIA_SECURITY or "crit" in header:
        # RFC 8225 section 8.1: an extension that is not understood is not taken.
        raise IdentityError("the signature asks for an extension that is not known here")
    return header, claims


def _check_signature(token: str, key: ec.EllipticCurvePublicKey) -> None:
    signed, _, signature = token.rpartition(".")
    try:
        raw = base64.urlsafe_b64decode(signature + "==")
        if len(raw) != _SIGNATURE_SIZE:
            raise IdentityError(f"the signature does not hold: ES256 has {_SIGNATURE_SIZE} bytes")
        half = _SIGNATURE_SIZE // 2
        both = encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
        # The claims were read before: to have them read once more costs as much as the check.
        key.verify(both, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise IdentityError("the signature does not hold") from error


def _check_covers(said: SignedIdentity, fingerprints: frozenset[Fingerprint]) -> None:
    if said.fingerprints != fingerprints:
        raise IdentityError(
            f"the signature of {said.origin} does not cover the fingerprints of the description"
        )


def _serial(token: str) -> bytes:
    """Return what all tokens with the same signature have in common, however it is written.

    Of a signature (r, s) anybody can make (r, -s), and base64 has several texts for the same bytes
    (RFC 4648 section 3.5): r alone is new in each signature, and cannot be chosen without the key.
    """
    signature = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(signature + "==")[:32]


def _ends(*, origin: str, destination: str) -> dict[str, dict[str, str | list[str]]]:
    """Write both ends as RFC 8225 section 5.2.1 has them: each a URI or a telephone number."""
    kind, ours = claim(origin)
    other_kind, theirs = claim(destination)
    return {"dest": {other_kind: [theirs]}, "orig": {kind: ours}}


def _names(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read the canonical names in a claim, URIs and telephone numbers; there is at least one."""
    given = claims.get(name)
    found: list[str] = []
    for kind, read in (("uri", canonical), ("tn", name_of_number)):
        values = given.get(kind, []) if isinstance(given, dict) else []
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise IdentityError(f"the signature names no URI in {name!r}")
        found.extend(map(read, values))
    if not found:
        raise IdentityError(f"the signature names no URI in {name!r}")
    return tuple(found)


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
