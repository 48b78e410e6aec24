"""Keys that match SIP messages to transactions (RFC 3261 sections 17.1.3, 17.2.3). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.grammar import parse_cseq, parse_vias
from signaling.sip.replies import tag_of

if TYPE_CHECKING:
    from sipmessage import CSeq, Request, Response, Via

#: Begin of a branch parameter that is unique by itself (RFC 3261 section 8.1.1.7).
MAGIC_COOKIE: Final = "z9hG4bK"


class UnmatchableError(ValueError):
    """A SIP message lacks a header by which transactions are told apart, or has a broken one."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """Key of a client transaction: the branch of our Via, and the method."""

    branch: str
    method: str


@dataclass(frozen=True, slots=True)
class ServerKey:
    """Key of a server transaction.

    Attributes:
        branch: The branch of the topmost Via; of a client of RFC 2543, all that it is told by.
        sent_by: Host and port of the topmost Via, in lower case.
        method: The method; INVITE for an ACK.
    """

    branch: str
    sent_by: str
    method: str


def client_key(message: Request | Response) -> ClientKey:
    """Key of the client transaction that a response, or a request of ours, belongs to.

    Raises:
        UnmatchableError: Via or CSeq is missing or broken.
    """
    return ClientKey(_top_via(message).parameters.get("branch") or "", _cseq(message).method)


def server_key(request: Request) -> ServerKey:
    """Key of the server transaction that a request belongs to, or would begin.

    Raises:
        UnmatchableError: Via, CSeq, From or Call-ID is missing or broken.
    """
    via, cseq = _top_via(request), _cseq(request)
    if cseq.method != request.method:
        raise UnmatchableError(f"the CSeq of a {request.method} request names {cseq.method}")
    for name in ("From", "To", "Call-ID"):
        if request.headers.get(name) is None:
            raise UnmatchableError(f"a {request.method} request has no {name} header")
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.parameters.get("branch") or ""
    if not branch.startswith(MAGIC_COOKIE):
        # RFC 3261 section 17.2.3: clients of RFC 2543 have no unique branch.
        branch = "\n".join(
            (
                str(request.uri),
                tag_of(request.headers["From"]) or "",
                request.headers["Call-ID"],
                str(cseq.sequence),
                str(via),
            )
        )
    return ServerKey(branch, _sent_by(via), method)


def server_key_of_response(response: Response) -> ServerKey:
    """Key of the server transaction that a response of ours was sent by.

    Raises:
        UnmatchableError: Via or CSeq is missing or broken.
    """
    via = _top_via(response)
    branch = via.parameters.get("branch") or ""
    return ServerKey(branch, _sent_by(via), _cseq(response).method)


def is_unreliable(message: Request | Response) -> bool:
    """Tell if the topmost Via says UDP, over which SIP retransmits."""
    return _top_via(message).transport.upper() == "UDP"


def _top_via(message: Request | Response) -> Via:
    if not (values := message.headers.getlist("Via")):
        raise UnmatchableError("a SIP message has no Via header")
    try:
        return parse_vias(values[0])[0]
    except (ValueError, IndexError) as error:
        raise UnmatchableError(f"the topmost Via is broken: {values[0][:100]!r}") from error


def _sent_by(via: Via) -> str:
    return f"{via.host.lower()}:{via.port or ''}"


def _cseq(message: Request | Response) -> CSeq:
    value = message.headers.get("CSeq")
    if value is None:
        raise UnmatchableError("a SIP message has no CSeq header")
    try:
        return parse_cseq(value)
    except ValueError as error:
        raise UnmatchableError(f"CSeq is broken: {value[:100]!r}") from error
