"""Signatures of SIP phones (RFC 8224): whose they are, and what proxies do to their messages."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from sipmessage import Request

from peer import PeerConfiguration
from peer.trust import PublicKeys, Signer, Trust, TrustLevel, Verifier
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from sipmessage import Response

    from peer import PeerConnection

ANN, BOB, TEAM, MALLORY = (f"sip:{name}@example.org" for name in ("ann", "bob", "team", "mallory"))
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in (ANN, BOB, MALLORY)}
KNOWN = PublicKeys({name: KEYS[name].public_key() for name in (ANN, BOB)})


def trusting(us: str, *, require: TrustLevel = TrustLevel.SIGNATURE, **verifier: Any) -> Trust:
    """Sign as one of them, and ask the other end to sign as well."""
    return Trust(
        signer=Signer(KEYS[us], origin=us),
        verifier=Verifier(KNOWN, **verifier),
        require=require,
    )


def signing(us: str, **asked: Any) -> PeerConnection:
    """A connection that sends a tone, signs, and asks for signatures."""
    return sounding(PeerConfiguration(trust=trusting(us, **asked)))


def changed(message: Request | Response, body: str, **headers: str | None) -> Request | Response:
    """A copy of a message with another body and other headers; None takes one off."""
    made = copy.copy(message)
    made.headers = copy.deepcopy(message.headers)
    made.body = body.encode()
    for name, value in headers.items():
        made.headers.setlist(name, [] if value is None else [value])
    return made


def with_fingerprint(sdp: str, fingerprint: str) -> str:
    """A description whose fingerprints are all another one."""
    return re.sub(r"a=fingerprint:[^\r\n]*", f"a=fingerprint:{fingerprint}", sdp)


def signed_requests(sent: list[Request | Response]) -> list[str]:
    """Methods of the requests that hold a signature."""
    return [
        each.method
        for each in sent
        if isinstance(each, Request) and each.headers.get("Identity") is not None
    ]
