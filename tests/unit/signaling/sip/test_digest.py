"""Digest answers what a server asks for, by its strongest hash, and never by a weaker one again."""

from __future__ import annotations

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.digest import MAX_REALMS, Challenge, Digest, DigestHash
from signaling.sip.errors import SipAuthenticationError

# The example of RFC 7616 section 3.9.1.
EXAMPLE = {
    "username": "Mufasa",
    "password": "Circle of Life",
    "method": "GET",
    "uri": "/dir/index.html",
    "count": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
}


def asking(*texts: str, code: int = 401) -> Response:
    response = Response(code, "Unauthorized")
    name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
    response.headers.setlist(name, list(texts))
    return response


def challenge(
    algorithm: str = "MD5", *, realm: str = "r", nonce: str = "n", more: str = ', qop="auth"'
) -> str:
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}{more}'


def register() -> Request:
    return Request("REGISTER", URI("sip", "example.org"))


def a_digest(realm: str | None = None) -> Digest:
    return Digest("ann", password="secret", realm=realm, cnonce=lambda: "c")


def authorized(digest: Digest, *, proxy: bool = False) -> list[str]:
    request = register()
    digest.authorize(request)
    return list(request.headers.getlist("Proxy-Authorization" if proxy else "Authorization"))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (DigestHash.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            DigestHash.SHA256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_the_response_is_that_of_the_rfc(algorithm: DigestHash, expected: str) -> None:
    asked = Challenge(
        proxy=False,
        realm="http-auth@example.org",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        opaque=None,
        algorithm=algorithm.value,
        hash=algorithm,
        session=False,
        qop=True,
        stale=False,
    )
    assert asked.response(**EXAMPLE) == expected


def test_a_request_is_authorized_once_it_was_challenged() -> None:
    digest = a_digest()
    assert authorized(digest) == []
    digest.take(asking(challenge(more=', qop="auth,auth-int", opaque="o\\"p"')), to=register())
    (value,) = authorized(digest)
    for part in (
        'Digest username="ann", realm="r", nonce="n", uri="sip:example.org"',
        "algorithm=MD5",
        'opaque="o\\"p"',
        'cnonce="c", qop=auth, nc=00000001',
    ):
        assert part in value


def test_the_counter_of_a_nonce_goes_on_with_each_request() -> None:
    digest = a_digest()
    digest.take(asking(challenge()), to=register())
    assert "nc=00000001" in authorized(digest)[0]
    assert "nc=00000002" in authorized(digest)[0]
    digest.take(asking(challenge()), to=register())
    assert "nc=00000003" in authorized(digest)[0]
    digest.take(asking(challenge(nonce="m")), to=register())
    assert "nc=00000001" in authorized(digest)[0]


def test_a_challenge_without_qop_is_answered_as_rfc_2069_says() -> None:
    digest = a_digest()
    digest.take(asking('Digest realm="r", nonce="n"'), to=register())
    (value,) = authorized(digest)
    hexdigest = DigestHash.MD5.hexdigest
    expected = hexdigest(
        hexdigest("ann", "r", "secret"), "n", hexdigest("REGISTER", "sip:example.org")
    )
    assert f'response="{expected}"' in value
    assert "nc=" not in value
    assert "cnonce" not in value
    assert "algorithm" not in value


def test_a_session_hash_covers_both_nonces() -> None:
    digest = a_digest()
    digest.take(asking(challenge("SHA-256-sess")), to=register())
    (value,) = authorized(digest)
    hexdigest = DigestHash.SHA256.hexdigest
    secret = hexdigest(hexdigest("ann", "r", "secret"), "n", "c")
    what = hexdigest("REGISTER", "sip:example.org")
    assert hexdigest(secret, "n", "00000001", "c", "auth", what) in value


@pytest.mark.parametrize(
    "texts",
    [
        [challenge("MD5"), challenge("SHA-256", nonce="m"), challenge("X")],
        [f"{challenge('SHA-256', nonce='m')}, {challenge('MD5')}"],
    ],
    ids=["lines", "one line"],
)
def test_the_strongest_of_several_challenges_is_answered(texts: list[str]) -> None:
    digest = a_digest()
    digest.take(asking(*texts), to=register())
    (value,) = authorized(digest)
    assert "algorithm=SHA-256" in value
    assert 'nonce="m"' in value


def test_a_server_that_asked_for_sha_256_gets_no_md5_again() -> None:
    digest = a_digest()
    digest.take(asking(challenge("SHA-256")), to=register())
    for realm in ("r", "other"):
        for code in (401, 407):
            with pytest.raises(SipAuthenticationError, match="MD5 is weaker than SHA-256"):
                digest.take(asking(challenge(realm=realm), code=code), to=register())
    (value,) = authorized(digest)
    assert "algorithm=SHA-256" in value


def test_a_proxy_and_a_server_are_both_answered() -> None:
    digest = a_digest()
    digest.take(asking(challenge(realm="p"), challenge(realm="q"), code=407), to=register())
    digest.take(asking(challenge()), to=register())
    assert len(authorized(digest)) == 1
    first, second = authorized(digest, proxy=True)
    assert 'realm="p"' in first
    assert 'realm="q"' in second


def test_a_secret_that_was_refused_is_not_sent_again() -> None:
    digest = a_digest()
    digest.take(asking(challenge()), to=register())
    request = register()
    digest.authorize(request)
    with pytest.raises(SipAuthenticationError, match="name or secret of 'ann'"):
        digest.take(asking(challenge(nonce="m")), to=request)


@pytest.mark.parametrize("more", [', qop="auth"', ""])
def test_a_nonce_that_served_before_may_be_challenged_anew(more: str) -> None:
    digest = a_digest()
    digest.take(asking(challenge(more=more)), to=register())
    authorized(digest)
    request = register()
    digest.authorize(request)
    digest.take(asking(challenge(nonce="m", more=more)), to=request)
    assert 'nonce="m"' in authorized(digest)[0]


def test_a_server_that_calls_every_nonce_stale_is_given_up() -> None:
    digest = a_digest()
    request, answered = register(), 0
    with pytest.raises(SipAuthenticationError, match="calls each nonce stale"):  # noqa: PT012 - which one raises is counted
        while True:
            more = f', qop="auth", stale={"TRUE" if answered else "false"}'
            digest.take(asking(challenge(nonce=f"n{answered}", more=more)), to=request)
            answered += 1
            request = register()
            digest.authorize(request)
    assert answered == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('Basic realm="r"', "Basic is asked for"),
        (challenge(more=', qop="auth-int"'), "'auth-int' is not auth"),
        (challenge("SHA-1"), "SHA-1 is not known"),
        ('Digest nonce="n"', "without realm or nonce"),
        ('Digest realm="r", nonce=""', "without realm or nonce"),
        ('Digest realm="r, nonce="n"', "not closed"),
        ('realm="r"', "names no scheme"),
        ("", "empty value"),
    ],
)
def test_a_challenge_that_cannot_be_answered_is_named(text: str, reason: str) -> None:
    digest = a_digest()
    with pytest.raises(SipAuthenticationError, match=reason):
        digest.take(asking(text), to=register())
    assert authorized(digest) == []


def test_a_refusal_without_a_challenge_is_named() -> None:
    with pytest.raises(SipAuthenticationError, match="it has no challenge"):
        a_digest().take(asking(), to=register())


def test_another_realm_than_the_one_that_is_known_is_not_answered() -> None:
    with pytest.raises(SipAuthenticationError, match="the realm is 'r', not 'mine'"):
        a_digest("mine").take(asking(challenge()), to=register())


def test_realms_are_bounded() -> None:
    digest = a_digest()
    for index in range(MAX_REALMS + 5):
        digest.take(asking(challenge(realm=f"r{index}")), to=register())
    assert len(authorized(digest)) == MAX_REALMS
