"""Identity header of SIP requests (RFC 8224): the signature over the fingerprints in them. PURE.

The token itself, a PASSporT, is made and verified by the connection (`peer.trust`); what stands
here brings it into a request, finds it there, and says how a request is refused whose token is
wrong. A response has no place for one, nor has an ACK.
"""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Final, assert_never

from peer.errors import IdentityError, IdentityFault, PeerError
from peer.identity.fingerprints import Fingerprint
from peer.trust.names import canonical
from peer.trust.passport import (
    ALGORITHM,
    FRESHNESS,
    MEDIA_SECURITY,
    full_form,
    read_unverified,
)
from peer.values import dataclass
from signaling.sip.grammar import SipParameters, parse_address, split_values

if TYPE_CHECKING:
    from sipmessage import Request

    from signaling.sip.errors import SipUsageError
    from signaling.sip.session_events import OfferReceived

#: Most Identity headers of a request that are looked at (ours): each authority on the way adds one.
_MOST: Final = 16
_INFO: Final = re.compile(r";\s*info\s*=\s*<([^<>]*)>", re.IGNORECASE)
_FINGERPRINT: Final = re.compile(
    r"^a=fingerprint:([^\r\n]*?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class OfferRefusal:
    """Final response that refuses an offer.

    Attributes:
        status: Status code.
        phrase: Reason phrase; None for that of the status code.
    """

    status: int
    phrase: str | None = None


def sign(request: Request, token: str) -> None:
    """Write a signature into a request of ours, and the time of it (RFC 8224 section 4).

    Args:
        request: An INVITE or UPDATE with a description.
        token: A token of our own over its fingerprints.
    """
    said = read_unverified(token)
    # The parameter has to be there; keys that the other end holds need no place to be had from.
    info = said.key_url or said.origin
    request.headers.set("Date", formatdate(said.issued, usegmt=True))
    request.headers.set("Identity", f"{token};info=<{info}>;alg={ALGORITHM}")


def token_in(request: Request) -> str | None:
    """Return the token in a request of ours; None without one."""
    value = request.headers.get("Identity")
    return None if value is None else value.partition(";")[0]


def identity_of(offer: OfferReceived) -> str | None:
    """Return the token over the fingerprints of an offer that came.

    Returns:
        None where its request has none that is understood, and an empty text where it came in a
        response, which has no place for one.

    Raises:
        IdentityError: The header is malformed, or contradicts the request.
    """
    request = offer.request
    if request is None:
        return ""
    values: list[str] = []
    for header in request.headers.getlist("Identity"):
        try:
            values += split_values(header)
        except ValueError as error:
            raise IdentityError(f"an Identity header is malformed: {error}") from error
    if len(values) > _MOST:
        raise IdentityError(f"there are {len(values)} Identity headers; {_MOST} are the most")
    for value in values:
        text, info, parameters = _divided(value)
        if (parameters.get("ppt") or MEDIA_SECURITY).strip('"').lower() != MEDIA_SECURITY:
            # RFC 8224 section 6.2 step 1: such a one is for others.
            continue
        return _checked(text, info=info, parameters=parameters, request=request)
    return None


def refusal_of(error: PeerError | SipUsageError) -> OfferRefusal:
    """Return the response that refuses an offer because of an error (RFC 8224 section 6.2.2)."""
    if not isinstance(error, IdentityError):
        return OfferRefusal(488)
    match error.fault:
        case IdentityFault.MISSING:
            return OfferRefusal(428)
        case IdentityFault.STALE:
            return OfferRefusal(403, "Stale Date")
        case IdentityFault.UNREACHABLE:
            return OfferRefusal(436)
        case IdentityFault.UNTRUSTED:
            return OfferRefusal(437)
        case IdentityFault.INVALID:
            return OfferRefusal(438)
        case never:
            assert_never(never)


def fingerprint_lines(sdp: str) -> frozenset[str]:
    """Return the values of all fingerprint attributes of a description."""
    return frozenset(value.strip() for value in _FINGERPRINT.findall(sdp))


def _divided(value: str) -> tuple[str, str, SipParameters]:
    """Divide the value of an Identity header into the token, `info`, and other parameters."""
    text, mark, rest = value.partition(";")
    found = _INFO.search(mark + rest)
    try:
        parameters = SipParameters.read(_INFO.sub("", mark + rest))
    except ValueError as error:
        raise IdentityError(f"an Identity header is malformed: {error}") from error
    return text.strip(), found[1] if found else "", parameters


def _checked(text: str, *, info: str, parameters: SipParameters, request: Request) -> str:
    """Return the token in its full form, where it says the same as its request."""
    if (parameters.get("alg") or ALGORITHM).upper() != ALGORITHM:
        raise IdentityError(f"the signature is made by {parameters['alg']}, and not {ALGORITHM}")
    date = _date(request)
    signer = str(parse_address(request.headers["From"]).uri)
    if text.startswith(".."):
        if date is None or not info:
            raise IdentityError("the compact form of a signature needs Date and info")
        text = full_form(
            text,
            origin=signer,
            destination=str(parse_address(request.headers["To"]).uri),
            issued=date,
            key_url=info,
            fingerprints=_fingerprints(request),
        )
    said = read_unverified(text)
    if said.origin != canonical(signer):
        raise IdentityError(f"the signature is of {said.origin}, and the request from {signer}")
    if said.key_url is not None and info and said.key_url != info:
        raise IdentityError(f"the signature names {said.key_url}, and its header {info}")
    if date is not None and abs(date - said.issued) > FRESHNESS:
        raise IdentityError("Date is not the time of the signature", IdentityFault.STALE)
    return text


def _date(request: Request) -> int | None:
    """Time of a request in seconds since 1970; None where it does not say so."""
    value = request.headers.get("Date")
    if value is None:
        return None
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except (ValueError, OverflowError) as error:
        raise IdentityError(f"Date is none: {value[:60]!r}", IdentityFault.STALE) from error


def _fingerprints(request: Request) -> frozenset[Fingerprint]:
    try:
        lines = fingerprint_lines(request.body.decode("utf-8", "replace"))
        return frozenset(map(Fingerprint.parse, lines))
    except ValueError as error:
        raise IdentityError("a fingerprint of the description is malformed") from error
