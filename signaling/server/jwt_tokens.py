"""JSON Web Tokens (RFC 7519) as tickets for rooms, checked by PyJWT."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from peer.times import UnixTime
from peer.values import assign, dataclass
from signaling.errors import ErrorCode
from signaling.messages import MAX_NAME
from signaling.server.access import Refusal, Rights

if TYPE_CHECKING:
    from signaling.server.access import JoinRequest

#: Octets of the shortest HS256 secret (RFC 7518 section 3.2: as long as the hash).
_SHORTEST_SECRET: Final = 32


class TokenAlgorithm(StrEnum):
    """Signature algorithms of tokens (RFC 7518, RFC 8037)."""

    HS256 = "HS256"
    RS256 = "RS256"
    ES256 = "ES256"
    ED25519 = "EdDSA"


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtAuthorizer:
    """Lets in who shows a token that is signed, in date and for the room; an `authorize`.

    A token has the claims `exp` and `aud` and, of ours, `room`: the name of the room, a list of
    names, or `"*"` for every room. `name` is the name that others see, in place of the one that was
    asked for. `"record": true` lets its bearer ask for a recording of the room. The algorithm is
    that of the key: what a token says of it is not believed.

    Args:
        key: The secret of HS256, of 32 octets or more, or a public key in PEM.
        algorithm: The one algorithm with which tokens are signed.
        audience: The `aud` of this server's tokens.
        leeway: Seconds by which the clock of the issuer may differ.

    Raises:
        ImportError: PyJWT is missing (`pip install handfast[jwt]`).
        ValueError: The key is not one of the algorithm.
    """

    key: str | bytes = field(repr=False)
    algorithm: TokenAlgorithm
    audience: str
    leeway: float = 5.0
    _prepared: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            from jwt.algorithms import get_default_algorithms
            from jwt.exceptions import InvalidKeyError
        except ImportError as error:
            raise ImportError("tokens need PyJWT: pip install 'handfast[jwt]'") from error
        secret = self.key.encode() if isinstance(self.key, str) else self.key
        if self.algorithm is TokenAlgorithm.HS256 and len(secret) < _SHORTEST_SECRET:
            raise ValueError(f"the secret of HS256 has {_SHORTEST_SECRET} octets or more")
        try:
            algorithm = get_default_algorithms()[self.algorithm.value]
            prepared = algorithm.prepare_key(secret)
        except (InvalidKeyError, ValueError, TypeError) as error:
            raise ValueError(f"the key is none of {self.algorithm.value}: {error}") from error
        if hasattr(prepared, "private_bytes"):
            raise ValueError("the key is private: a server that checks tokens has the public one")
        assign(self, "_prepared", prepared)

    async def __call__(self, request: JoinRequest) -> Rights | Refusal:
        """Judge one who asks to join."""
        if request.token is None:
            return Refusal("a token is needed", ErrorCode.UNAUTHORIZED)
        claims = self._claims(request.token)
        if isinstance(claims, Refusal):
            return claims
        rooms = claims.get("room")
        listed = rooms if isinstance(rooms, list) else [rooms]
        if "*" not in listed and request.room not in listed:
            return Refusal("the token is for another room")
        name = claims.get("name")
        if name is not None and not (isinstance(name, str) and len(name) <= MAX_NAME):
            return Refusal("the token's `name` is no name", ErrorCode.UNAUTHORIZED)
        return Rights(
            name=name,
            expires=UnixTime(float(claims["exp"]) + self.leeway),
            record=claims.get("record") is True,
        )

    def _claims(self, token: str) -> dict[str, Any] | Refusal:
        import jwt

        try:
            return jwt.decode(
                token,
                self._prepared,
                algorithms=[self.algorithm.value],
                audience=self.audience,
                leeway=self.leeway,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            return Refusal("the token has run out", ErrorCode.UNAUTHORIZED)
        except jwt.InvalidAudienceError:
            return Refusal("the token is for another server", ErrorCode.UNAUTHORIZED)
        except jwt.MissingRequiredClaimError as error:
            return Refusal(f"the token lacks `{error.claim}`", ErrorCode.UNAUTHORIZED)
        except jwt.InvalidTokenError:
            # No more than that: whoever tries signatures is not to learn which step failed.
            return Refusal("the token is not valid", ErrorCode.UNAUTHORIZED)
