from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signaling.errors import ErrorCode
from signaling.server.access import JoinRequest, Refusal, Rights
from signaling.server.jwt_tokens import JwtAuthorizer, TokenAlgorithm

_SECRET = "thirty-two octets are the least; this one has more than sixty-four."
_AUDIENCE = "rooms.example"


def _claims(**changed: Any) -> dict[str, Any]:
    claims = {
        "aud": _AUDIENCE,
        "exp": time.time() + 86400,
        "room": "lobby",
        "name": "Ada",
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _token(algorithm: str = "HS256", key: Any = _SECRET, **changed: Any) -> str:
    return jwt.encode(_claims(**changed), key, algorithm=algorithm)


def _authorizer(
    algorithm: TokenAlgorithm = TokenAlgorithm.HS256, key: str | bytes = _SECRET
) -> JwtAuthorizer:
    return JwtAuthorizer(key=key, algorithm=algorithm, audience=_AUDIENCE)


async def _judged(token: str | None, *, room: str = "lobby") -> Rights | Refusal:
    return await _authorizer()(JoinRequest(room=room, name="asked", token=token))


def _pem(private: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = private.public_key().public_bytes(encoding, form)
    return pem


async def test_a_token_lets_its_bearer_in_under_its_name_until_it_runs_out() -> None:
    rights = await _judged(_token(exp=1_900_000_000))
    assert rights == Rights(name="Ada", expires=1_900_000_005.0)  # type: ignore[arg-type] # a Unix time


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        (TokenAlgorithm.RS256, rsa.generate_private_key(65537, 2048)),
        (TokenAlgorithm.ES256, ec.generate_private_key(ec.SECP256R1())),
        (TokenAlgorithm.ED25519, ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["RS256", "ES256", "Ed25519"],
)
async def test_a_token_is_checked_by_the_public_key_of_its_issuer(
    algorithm: TokenAlgorithm, private: Any
) -> None:
    request = JoinRequest(room="lobby", name="", token=_token(algorithm.value, private))
    assert isinstance(await _authorizer(algorithm, _pem(private))(request), Rights)

    # Who knows the public key only makes no token of HS256 with it: the key fixes the algorithm.
    forged = jwt.encode(_claims(), "the public key, of thirty-two octets or more")
    refused = JoinRequest(room="lobby", name="", token=forged)
    assert isinstance(await _authorizer(algorithm, _pem(private))(refused), Refusal)


@pytest.mark.parametrize(
    ("room", "asked"),
    [("lobby", "lobby"), (["hall", "lobby"], "lobby"), ("*", "any"), (["*"], "any")],
)
async def test_a_token_is_for_one_room_or_several_or_all(room: Any, asked: str) -> None:
    assert isinstance(await _judged(_token(room=room), room=asked), Rights)


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        (None, ErrorCode.UNAUTHORIZED, "is needed"),
        ("", ErrorCode.UNAUTHORIZED, "not valid"),
        ("not.a.token", ErrorCode.UNAUTHORIZED, "not valid"),
        (_token(exp=time.time() - 60), ErrorCode.UNAUTHORIZED, "run out"),
        (_token(exp=None), ErrorCode.UNAUTHORIZED, "lacks `exp`"),
        (_token(aud=None), ErrorCode.UNAUTHORIZED, "lacks `aud`"),
        (_token(aud="other.example"), ErrorCode.UNAUTHORIZED, "another server"),
        (_token(nbf=time.time() + 86400), ErrorCode.UNAUTHORIZED, "not valid"),
        (_token(key=_SECRET[::-1]), ErrorCode.UNAUTHORIZED, "not valid"),
        (_token("HS512"), ErrorCode.UNAUTHORIZED, "not valid"),
        (_token("none", None), ErrorCode.UNAUTHORIZED, "not valid"),
        (_token(room="hall"), ErrorCode.FORBIDDEN, "another room"),
        (_token(room=None), ErrorCode.FORBIDDEN, "another room"),
        (_token(name=7), ErrorCode.UNAUTHORIZED, "no name"),
        (_token(name="n" * 65), ErrorCode.UNAUTHORIZED, "no name"),
    ],
    ids=[
        "none",
        "empty",
        "nonsense",
        "out of date",
        "without exp",
        "without aud",
        "of another server",
        "not yet valid",
        "of another key",
        "of another algorithm",
        "unsigned",
        "for another room",
        "for no room",
        "with a number for a name",
        "with too long a name",
    ],
)
async def test_a_token_that_is_not_good_is_refused_in_a_sentence(
    token: str | None, code: ErrorCode, words: str
) -> None:
    refusal = await _judged(token)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, words in refusal.reason) == (code, True)


@pytest.mark.parametrize(
    ("algorithm", "key", "words"),
    [
        (TokenAlgorithm.HS256, "too short", "32 octets"),
        (TokenAlgorithm.ES256, _SECRET, "none of ES256"),
        (TokenAlgorithm.RS256, _pem(ec.generate_private_key(ec.SECP256R1())), "none of RS256"),
    ],
    ids=["a short secret", "a secret for ES256", "another curve for RS256"],
)
def test_a_key_that_is_none_of_its_algorithm_is_refused_at_once(
    algorithm: TokenAlgorithm, key: str | bytes, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        _authorizer(algorithm, key)


def test_a_private_key_does_not_belong_on_the_server_that_checks_tokens() -> None:
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="is private"):
        _authorizer(TokenAlgorithm.ES256, private)


def test_no_repr_shows_a_key_or_a_token() -> None:
    assert _SECRET not in repr(_authorizer())
    assert "hush" not in repr(JoinRequest(room="r", name="n", token="hush"))
