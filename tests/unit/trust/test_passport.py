"""Signatures over fingerprints (PASSporT, RFC 8225): what holds, and what is refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import ConfigurationError, IdentityError
from peer.identity.certificate import Certificate
from peer.identity.fingerprints import HashFunction
from peer.trust import IdentityFault, PublicKeys, Signer, Verifier
from peer.trust.passport import full_form
from tests.support.clock.virtual_time import run_in_virtual_time

KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ALICE, ROOM = "sip:alice@example.org", "room:lounge"
CERTIFICATE = Certificate.generate()
SHOWN = frozenset({CERTIFICATE.fingerprint(), CERTIFICATE.fingerprint(HashFunction.SHA512)})
NOW = 1_796_040_000.0


class _Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def signer(**options: Any) -> Signer:
    return Signer(KEY, **{"origin": ALICE, "destination": ROOM, "clock": lambda: NOW, **options})


def verifier(clock: _Clock | None = None, **options: Any) -> Verifier:
    keys = PublicKeys({ALICE: KEY.public_key()})
    return Verifier(keys, **{"audience": ROOM, "clock": clock or _Clock(), **options})


async def test_a_signature_over_all_fingerprints_says_who_signed() -> None:
    said = await verifier().verify(signer().sign(SHOWN), SHOWN)
    assert (said.origin, said.destinations, said.fingerprints) == (ALICE, (ROOM,), SHOWN)


def test_a_token_is_written_as_rfc_8225_has_it() -> None:
    header, payload, _ = signer(key_url="https://example.org/alice.cer").sign(SHOWN).split(".")
    read = [base64.urlsafe_b64decode(part + "==") for part in (header, payload)]
    assert json.loads(read[0]) == {
        "alg": "ES256",
        "typ": "passport",
        "x5u": "https://example.org/alice.cer",
    }
    claims = json.loads(read[1])
    assert list(claims) == ["dest", "iat", "mky", "orig"]
    assert [each["alg"] for each in claims["mky"]] == ["sha-256", "sha-512"]
    assert claims["mky"][0]["dig"] == CERTIFICATE.fingerprint().value.replace(":", "")
    assert b" " not in read[1]


async def test_a_signature_over_other_fingerprints_is_refused() -> None:
    other = Certificate.generate().fingerprint()
    for covered, described in (
        (SHOWN, {other}),
        (SHOWN, SHOWN | {other}),
        (SHOWN | {other}, SHOWN),
    ):
        with pytest.raises(IdentityError, match="does not cover the fingerprints"):
            await verifier().verify(signer().sign(covered), described)


async def test_a_signature_is_fresh_or_refused() -> None:
    token = signer().sign(SHOWN)
    for moved, said in ((61, "61 s old"), (-61, "61 s in the future")):
        clock = _Clock()
        clock.now += moved
        with pytest.raises(IdentityError, match=said):
            await verifier(clock).verify(token, SHOWN)
    clock = _Clock()
    clock.now += 300
    await verifier(clock, freshness=600).verify(token, SHOWN)


async def test_a_signature_for_another_is_refused() -> None:
    with pytest.raises(IdentityError, match=r"for room:lounge, and not for room:kitchen"):
        await verifier(audience="room:kitchen").verify(signer().sign(SHOWN), SHOWN)


async def test_a_signature_is_taken_once() -> None:
    checks, token = verifier(), signer().sign(SHOWN)
    await checks.verify(token, SHOWN)
    with pytest.raises(IdentityError, match="was used before"):
        await checks.verify(token, SHOWN)
    await checks.verify(signer().sign(SHOWN), SHOWN)


@pytest.mark.parametrize("how", ["negated", "padded", "spare bits", "foreign characters"])
async def test_a_signature_that_is_written_otherwise_is_the_same(how: str) -> None:
    """Who replays a token can write its signature in other ways that hold as well."""
    token = signer().sign(SHOWN)
    signed, _, text = token.rpartition(".")
    raw = base64.urlsafe_b64decode(text + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    negated = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    other = {
        "negated": base64.urlsafe_b64encode(negated).decode().rstrip("="),
        "padded": f"{text}==",
        "spare bits": text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1],
        "foreign characters": f"{text[:40]}!{text[40:]}",
    }[how]
    checks = verifier()
    await checks.verify(token, SHOWN)
    with pytest.raises(IdentityError, match=r"was used before|malformed|does not hold"):
        await checks.verify(f"{signed}.{other}", SHOWN)


@pytest.mark.parametrize("write", [str.lower, str.upper])
async def test_digests_are_read_in_either_case_and_one_alone_without_a_list(write: Any) -> None:
    shown = CERTIFICATE.fingerprint()
    mky = {"alg": "SHA-256", "dig": write(shown.value.replace(":", ""))}
    said = await verifier().verify(_edited(mky=mky), {shown})
    assert said.fingerprints == {shown}


async def test_a_signature_with_another_key_or_of_a_stranger_is_refused() -> None:
    forged = Signer(OTHER_KEY, origin=ALICE, destination=ROOM, clock=lambda: NOW)
    with pytest.raises(IdentityError, match="does not hold"):
        await verifier().verify(forged.sign(SHOWN), SHOWN)
    with pytest.raises(IdentityError, match=r"no key is known for sip:eve@example\.org"):
        await verifier().verify(signer(origin="sip:eve@example.org").sign(SHOWN), SHOWN)


_REASONS = frozenset(
    {
        "malformed",
        "at most 8192 characters",
        "signed with ES256",
        "extension",
        "names no URI in 'orig'",
        "names no URI in 'dest'",
        "covers no fingerprint",
        "when it was made",
    }
)


def _edited(**claims: Any) -> str:
    given = {"iat": int(NOW), "orig": {"uri": ALICE}, "dest": {"uri": [ROOM]}}
    given["mky"] = [{"alg": "sha-256", "dig": CERTIFICATE.fingerprint().value}]
    return jwt.encode({**given, **claims}, KEY, algorithm="ES256", headers={"typ": "passport"})


def _written(part: str) -> str:
    return base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "malformed"),
        ("a.b.c", "malformed"),
        ("x" * 9000, "at most 8192 characters"),
        ("e30.e30", "malformed"),
        ("e30=.e30.c", "malformed"),
        (f"e30.{_written('[' * 4000)}.c", "malformed"),
        (f"{_written('[]')}.e30.c", "malformed"),
        (f"{_written('{')}.e30.c", "malformed"),
        (_written('{"kid": 1}') + ".e30.c", "malformed"),
        (jwt.encode({"mky": []}, "k" * 32, algorithm="HS256"), "signed with ES256"),
        (jwt.encode({"mky": []}, KEY, algorithm="ES256"), "signed with ES256"),
        (
            jwt.encode({}, KEY, algorithm="ES256", headers={"typ": "passport", "ppt": "rph"}),
            "extension",
        ),
        (_edited(orig={"uri": 1}), "names no URI in 'orig'"),
        (_edited(dest=None), "names no URI in 'dest'"),
        (_edited(mky=[]), "covers no fingerprint"),
        (_edited(mky=[{"alg": "sha-256", "dig": "zz"}]), "malformed"),
        (_edited(mky=["sha-256"]), "malformed"),
        (_edited(iat="now"), "when it was made"),
        (_edited(iat=True), "when it was made"),
        (_edited(iat=float("nan")), "when it was made"),
        (_edited(iat=float("inf")), "when it was made"),
        (_edited(iat=10**400), "when it was made"),
    ],
    ids=lambda value: value if value in _REASONS else "token",
)
async def test_a_token_that_is_none_is_refused_by_name(token: str, said: str) -> None:
    with pytest.raises(IdentityError, match=said):
        await verifier().verify(token, SHOWN)


async def test_the_key_fixes_the_algorithm_and_not_the_token() -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.api_jwt.decode_complete(signer().sign(SHOWN), options={"verify_signature": False})[
        "payload"
    ]
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", "typ": "passport"}, claims)
    ]
    for token in (f"{parts[0]}.{parts[1]}.", f"{parts[0]}.{parts[1]}.AAAA"):
        with pytest.raises(IdentityError, match="signed with ES256"):
            await verifier().verify(token, SHOWN)
    assert b"PUBLIC KEY" in public


async def test_a_signer_has_several_keys_while_it_changes_them() -> None:
    keys = PublicKeys({ALICE: [OTHER_KEY.public_key(), KEY.public_key()]})
    checks = Verifier(keys, audience=ROOM, clock=_Clock())
    await checks.verify(signer(key_id="1").sign(SHOWN), SHOWN)
    with pytest.raises(IdentityError, match="does not hold"):
        await checks.verify(signer(key_id="0").sign(SHOWN), SHOWN)


def test_keys_are_p_256_keys_in_pem_or_certificates() -> None:
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert Signer(pem, origin=ALICE, destination=ROOM).origin == ALICE
    PublicKeys({ALICE: CERTIFICATE.to_pem()[0]})
    wrong = ed25519.Ed25519PrivateKey.generate()
    bad = wrong.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for key in (bad, "text"):
        with pytest.raises(ConfigurationError):
            Signer(key, origin=ALICE, destination=ROOM)
        with pytest.raises(ConfigurationError):
            PublicKeys({ALICE: key})
    with pytest.raises(ConfigurationError, match="P-256"):
        Signer(ec.generate_private_key(ec.SECP384R1()), origin=ALICE, destination=ROOM)


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_an_identity_error(text: str) -> None:
    async def check() -> None:
        with pytest.raises(IdentityError):
            await verifier().verify(text, SHOWN)

    run_in_virtual_time(check)


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return read


async def test_telephone_numbers_are_signed_and_read_as_tn() -> None:
    token = signer(origin="tel:+1-215-555-1212", destination="sip:+49.30.1@example.org").sign(SHOWN)
    assert (_claims(token)["orig"], _claims(token)["dest"]) == (
        {"tn": "12155551212"},
        {"tn": ["49301"]},
    )
    keys = PublicKeys({"sip:+12155551212@carrier.example;user=phone": KEY.public_key()})
    checks = Verifier(keys, audience="tel:+49301", clock=_Clock())
    assert (await checks.verify(token, SHOWN)).origin == "tel:+12155551212"


async def test_both_ends_are_named_for_each_call_where_signer_and_verifier_are_open() -> None:
    open_signer, open_verifier = signer(destination=None), verifier(audience=None)
    token = open_signer.sign(SHOWN, destination="sips:Bob@Example.org:5061")
    said = await open_verifier.verify(
        token, SHOWN, audience="sip:Bob@example.org", expected="sip:alice@EXAMPLE.org"
    )
    assert said.destinations == ("sip:Bob@example.org",)
    with pytest.raises(ConfigurationError, match="signs for nobody"):
        open_signer.sign(SHOWN)
    with pytest.raises(IdentityError, match="not for anybody here"):
        await open_verifier.verify(open_signer.sign(SHOWN, destination=ROOM), SHOWN)


async def test_one_who_answers_in_place_of_another_is_taken_where_the_program_says_so() -> None:
    token = signer().sign(SHOWN)
    with pytest.raises(IdentityError, match=r"signed by sip:alice.*the other end is sip:team"):
        await verifier().verify(token, SHOWN, expected="sip:team@example.org")
    asked: list[tuple[str, str]] = []

    def may(origin: str, called: str) -> bool:
        asked.append((origin, called))
        return True

    checks = verifier(answers_for=may)
    said = await checks.verify(signer().sign(SHOWN), SHOWN, expected="sips:team@Example.org")
    assert (said.origin, asked) == (ALICE, [(ALICE, "sip:team@example.org")])


async def test_one_of_several_names_of_ours_is_enough() -> None:
    await verifier(audience=("room:kitchen", ROOM)).verify(signer().sign(SHOWN), SHOWN)


def _compact(token: str, **options: Any) -> str:
    written = {
        "origin": ALICE,
        "destination": ROOM,
        "issued": int(NOW),
        "key_url": "https://example.org/alice.cer",
        "fingerprints": SHOWN,
    }
    return full_form(f"..{token.rpartition('.')[2]}", **{**written, **options})


async def test_the_compact_form_of_a_token_is_put_together_from_the_request() -> None:
    token = signer(key_url="https://example.org/alice.cer").sign(SHOWN)
    assert _compact(token) == token
    changed = {
        "origin": "sip:mallory@example.org",
        "destination": "room:kitchen",
        "issued": int(NOW) + 1,
        "key_url": "https://example.org/mallory.cer",
        "fingerprints": {Certificate.generate().fingerprint()},
    }
    for name, value in changed.items():
        with pytest.raises(IdentityError):
            await verifier().verify(_compact(token, **{name: value}), SHOWN)


async def test_the_extension_for_media_security_is_known_and_others_are_not() -> None:
    """RFC 8862 has `msec`; RFC 8588 `shaken`, whose claims are others."""
    claims = _claims(signer().sign(SHOWN))
    for extension, taken in (("msec", True), ("shaken", False)):
        headers = {"typ": "passport", "ppt": extension}
        token = jwt.encode(claims, KEY, algorithm="ES256", headers=headers)
        if taken:
            assert (await verifier().verify(token, SHOWN)).origin == ALICE
        else:
            with pytest.raises(IdentityError, match="extension that is not known"):
                await verifier().verify(token, SHOWN)


async def test_the_kind_of_a_fault_is_told() -> None:
    clock = _Clock()
    clock.now += 61
    with pytest.raises(IdentityError) as stale:
        await verifier(clock).verify(signer().sign(SHOWN), SHOWN)
    with pytest.raises(IdentityError) as stranger:
        await verifier().verify(signer(origin="sip:x@example.org").sign(SHOWN), SHOWN)
    with pytest.raises(IdentityError) as uncovered:
        await verifier().verify(signer().sign(SHOWN), {Certificate.generate().fingerprint()})
    faults = [each.value.fault for each in (stale, stranger, uncovered)]
    assert faults == [IdentityFault.STALE, IdentityFault.UNTRUSTED, IdentityFault.INVALID]
