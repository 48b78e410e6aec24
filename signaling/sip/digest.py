"""Digest authentication of a SIP user agent (RFC 3261 section 22, RFC 7616, RFC 8760). PURE.

::

    digest = Digest("ann", password="secret")
    digest.authorize(register)              # nothing is known yet, nothing is added
    digest.take(response, to=register)      # 401 or 407
    digest.authorize(again)                 # the same request, with a new CSeq and branch
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import secrets
from enum import Enum
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.errors import SipAuthenticationError
from signaling.sip.grammar import SipParameters, quoted, split_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sipmessage import Request, Response

#: Realms of which a nonce is kept (ours); the one that was challenged longest ago is dropped.
MAX_REALMS: Final = 8
#: Challenges in a row that one request answers for each realm (ours): each may call the nonce
#: before stale, and a server that always does would be asked without end.
MAX_CHALLENGES: Final = 3
#: Uses of one nonce that its counter of eight hexadecimal digits can tell apart.
_MOST_USES: Final = 2**32 - 1
#: A scheme and its first parameter.
_FIRST: Final = re.compile(r"([\w.!%*+`'~-]+)\s+([\w-]+\s*=.*)", re.ASCII | re.DOTALL)


class DigestHash(Enum):
    """Hashes of digest by their name in `algorithm`, weakest first."""

    MD5 = "MD5"
    SHA256 = "SHA-256"
    SHA512_256 = "SHA-512-256"

    @property
    def strength(self) -> int:
        """Rank of the hash: a greater one is stronger."""
        return list(DigestHash).index(self)

    def hexdigest(self, *parts: str) -> str:
        """Hash the parts, joined by colons, in UTF-8."""
        data = ":".join(parts).encode()
        match self:
            case DigestHash.MD5:
                return hashlib.md5(data, usedforsecurity=False).hexdigest()
            case DigestHash.SHA256:
                return hashlib.sha256(data).hexdigest()
            case DigestHash.SHA512_256:
                return hashlib.new("sha512_256", data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One digest challenge of a server or proxy.

    Attributes:
        proxy: Whether it is a proxy's (407, `Proxy-Authorization`).
        realm: Where the name and secret are valid.
        nonce: Text of the server that the response covers.
        opaque: Text of the server that is returned; None where there is none.
        algorithm: The algorithm as the challenge has it; None where it names none, which is MD5.
        hash: The hash of the algorithm.
        session: Whether the algorithm ends in `-sess`.
        qop: Whether `auth` is offered; a challenge of RFC 2069 has no `qop`, and no counter.
        stale: Whether only the nonce before was too old.
    """

    proxy: bool
    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    hash: DigestHash
    session: bool
    qop: bool
    stale: bool

    def response(
        self,
        *,
        username: str,
        password: str,
        method: str,
        uri: str,
        count: str,
        cnonce: str,
    ) -> str:
        """Return the response to the challenge (RFC 7616 section 3.4.1).

        Args:
            username: Name of the user.
            password: Secret of the user.
            method: Method of the request.
            uri: Request-URI, as the request has it.
            count: Uses of the nonce, as eight hexadecimal digits.
            cnonce: Text of ours.
        """
        digest = self.hash.hexdigest
        secret = digest(username, self.realm, password)
        if self.session:
            secret = digest(secret, self.nonce, cnonce)
        what = digest(method, uri)
        if not self.qop:
            return digest(secret, self.nonce, what)
        return digest(secret, self.nonce, count, cnonce, "auth", what)


@dataclasses.dataclass(slots=True)
class _Realm:
    """The last challenge of a realm, and how often its nonce has been used."""

    challenge: Challenge
    uses: int = 0
    in_a_row: int = 0

    def answered_first_by(self, request: Request) -> bool:
        """Tell whether the request was the first to answer the challenge."""
        nonce = f"nonce={quoted(self.challenge.nonce)}"
        for value in request.headers.getlist(_header_of(self.challenge.proxy)):
            if nonce in value:
                return "nc=00000001" in value if self.challenge.qop else self.uses == 1
        return False


class Digest:
    """The name and secret of a user, and the challenges that these have to answer.

    Holds for one account: it remembers the strongest hash that was asked for, and answers no
    weaker one any more, so that nobody in the middle gets an MD5 of the secret to guess at.

    Args:
        username: Name of the user, as the server knows it.
        password: Secret of the user.
        realm: The one realm whose challenges are answered; any where None.
        cnonce: Returns a text that nobody can foresee.
    """

    def __init__(
        self,
        username: str,
        *,
        password: str,
        realm: str | None = None,
        cnonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._username = username
        self._password = password
        self._realm = realm
        self._cnonce = cnonce
        self._realms: dict[tuple[bool, str], _Realm] = {}
        self._least = DigestHash.MD5

    def __repr__(self) -> str:
        return f"<Digest of {self._username!r}, {len(self._realms)} realms>"

    def take(self, response: Response, *, to: Request) -> None:
        """Take the challenges of a response; `authorize` answers them in the next request.

        Of several challenges of one realm the strongest is answered.

        Args:
            response: A response 401 or 407.
            to: The request that it refuses.

        Raises:
            SipAuthenticationError: There is none that can be answered, or the request has answered
                it already: the name or secret is wrong.
        """
        best: dict[str, Challenge] = {}
        for challenge in self._answerable(response):
            chosen = best.get(challenge.realm)
            if chosen is None or chosen.hash.strength < challenge.hash.strength:
                best[challenge.realm] = challenge
        in_a_row = {realm: self._check(each, to) for realm, each in best.items()}
        for realm, challenge in best.items():
            key = (challenge.proxy, realm)
            before = self._realms.pop(key, None)
            # A nonce that comes again, as those of one second may, goes on with its counter.
            same = before is not None and before.challenge.nonce == challenge.nonce
            uses = before.uses if before and same else 0
            self._realms[key] = _Realm(challenge, uses=uses, in_a_row=in_a_row[realm])
            self._least = max(self._least, challenge.hash, key=lambda each: each.strength)
        while len(self._realms) > MAX_REALMS:
            del self._realms[next(iter(self._realms))]

    def authorize(self, request: Request) -> None:
        """Set the credentials of a request, for each realm that has challenged us before.

        An ACK and a CANCEL repeat those of their INVITE instead (RFC 3261 sections 22.1 and 9.1).
        """
        for proxy in (False, True):
            realms = [known for (kind, _), known in self._realms.items() if kind is proxy]
            if realms:
                values = [self._credentials(known, request) for known in realms]
                request.headers.setlist(_header_of(proxy), values)

    def _answerable(self, response: Response) -> list[Challenge]:
        refused: list[str] = []
        found = []
        for read in read_challenges(response):
            if isinstance(read, str):
                refused.append(read)
            elif self._realm is not None and read.realm != self._realm:
                refused.append(f"the realm is {read.realm!r}, not {self._realm!r}")
            elif read.hash.strength < self._least.strength:
                refused.append(
                    f"{read.hash.value} is weaker than {self._least.value}, which was asked before"
                )
            else:
                found.append(read)
        if not found:
            reasons = "; ".join(refused) or "it has no challenge"
            raise SipAuthenticationError(f"no answer to the {response.code}: {reasons}")
        return found

    def _check(self, challenge: Challenge, request: Request) -> int:
        """Count the challenges that this request has answered in a row, the new one included."""
        known = self._realms.get((challenge.proxy, challenge.realm))
        if known is None or not known.answered_first_by(request):
            # A nonce that served before may be too old, and not every server says so by `stale`.
            return 1
        if not challenge.stale:
            raise SipAuthenticationError(
                f"{challenge.realm!r} takes not the name or secret of {self._username!r}"
            )
        if known.in_a_row >= MAX_CHALLENGES:
            raise SipAuthenticationError(f"{challenge.realm!r} calls each nonce stale")
        return known.in_a_row + 1

    def _credentials(self, known: _Realm, request: Request) -> str:
        challenge = known.challenge
        known.uses = min(known.uses + 1, _MOST_USES)
        cnonce = self._cnonce()
        count, uri = f"{known.uses:08x}", str(request.uri)
        response = challenge.response(
            username=self._username,
            password=self._password,
            method=request.method,
            uri=uri,
            count=count,
            cnonce=cnonce,
        )
        values = [
            f"username={quoted(self._username)}",
            f"realm={quoted(challenge.realm)}",
            f"nonce={quoted(challenge.nonce)}",
            f"uri={quoted(uri)}",
            f'response="{response}"',
        ]
        if challenge.algorithm is not None:
            values.append(f"algorithm={challenge.algorithm}")
        if challenge.opaque is not None:
            values.append(f"opaque={quoted(challenge.opaque)}")
        if challenge.qop or challenge.session:
            values.append(f"cnonce={quoted(cnonce)}")
        if challenge.qop:
            values += ["qop=auth", f"nc={count}"]
        return f"Digest {', '.join(values)}"


def read_challenges(response: Response) -> Iterator[Challenge | str]:
    """Yield the challenges of a response 401 or 407, or the reason why one cannot be answered."""
    for proxy, name in ((False, "WWW-Authenticate"), (True, "Proxy-Authenticate")):
        for text in response.headers.getlist(name):
            try:
                yield from (
                    _challenge(values, scheme=scheme, proxy=proxy)
                    for scheme, values in _divide(text)
                )
            except ValueError as error:
                yield f"{name}: {error}"


def _divide(text: str) -> Iterator[tuple[str, str]]:
    """Yield scheme and parameters of each challenge; some write several in one line."""
    scheme, values = "", ""
    for value in split_values(text):
        if first := _FIRST.fullmatch(value):
            if values:
                yield scheme, values
            scheme, values = first[1], ""
            value = first[2]
        elif not scheme:
            raise ValueError(f"{value!r} names no scheme")
        values += f";{value}"
    yield scheme, values


def _challenge(text: str, *, scheme: str, proxy: bool) -> Challenge | str:
    if scheme.lower() != "digest":
        return f"{scheme} is asked for, not Digest"
    values = SipParameters.read(text)
    realm, nonce = values.get("realm"), values.get("nonce")
    if realm is None or not nonce:
        return "a challenge without realm or nonce"
    algorithm = values.get("algorithm")
    name = (algorithm or "MD5").upper()
    session = name.endswith("-SESS")
    known = {each.value: each for each in DigestHash if _is_installed(each)}
    chosen = known.get(name.removesuffix("-SESS"))
    if chosen is None:
        return f"the algorithm {algorithm} is not known"
    qop = values.get("qop")
    offered = [each.strip().lower() for each in (qop or "").split(",") if each.strip()]
    if offered and "auth" not in offered:
        return f"the quality of protection {qop!r} is not auth"
    return Challenge(
        proxy=proxy,
        realm=realm,
        nonce=nonce,
        opaque=values.get("opaque"),
        algorithm=algorithm,
        hash=chosen,
        session=session,
        qop=bool(offered),
        stale=(values.get("stale") or "").lower() == "true",
    )


def _is_installed(algorithm: DigestHash) -> bool:
    return algorithm is not DigestHash.SHA512_256 or "sha512_256" in hashlib.algorithms_available


def _header_of(proxy: bool) -> str:
    return "Proxy-Authorization" if proxy else "Authorization"
