"""Dialogs of SIP (RFC 3261 section 12): identity, route, target and order of requests. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sipmessage import CSeq, Request

from peer.values import dataclass
from signaling.sip.grammar import parse_address, split_values
from signaling.sip.replies import tag_of

if TYPE_CHECKING:
    from sipmessage import URI, Response

#: Proxies that a request of ours may pass (RFC 3261 section 8.1.1.6).
MAX_FORWARDS: Final = 70
#: Bound on the proxies of a route set (ours: as many as Max-Forwards lets pass).
MAX_ROUTES: Final = 70
_CREDENTIALS: Final = ("Authorization", "Proxy-Authorization")


class DialogError(ValueError):
    """A message that should make a dialog lacks a tag or a Contact, or has a broken one."""


@dataclass(frozen=True, slots=True)
class DialogId:
    """Name of a dialog as one of its ends has it.

    Attributes:
        call_id: The Call-ID.
        local_tag: Tag of this end.
        remote_tag: Tag of the other end; empty for a client of RFC 2543, which has none.
    """

    call_id: str
    local_tag: str
    remote_tag: str


class Dialog:
    """One dialog, early or confirmed.

    Attributes:
        id: Its name.
        local: `From` of our requests, with our tag, as it stood in the first message.
        remote: `To` of our requests, likewise.
        contact: `Contact` of our requests and responses.
        remote_target: Request-URI of our requests; each target refresh changes it.
        route_set: Values of `Route`, the nearest proxy first.
        local_sequence: Number of the last request of ours.
        remote_sequence: Number of the last request of the other end; None before its first.
        is_confirmed: A 2xx has been sent or received.
    """

    def __init__(
        self,
        *,
        id: DialogId,  # noqa: A002 - a dialog's id, in the words of RFC 3261
        local: str,
        remote: str,
        contact: str,
        remote_target: URI,
        route_set: tuple[str, ...],
        local_sequence: int = 0,
        remote_sequence: int | None = None,
    ) -> None:
        self.id = id
        self.local = local
        self.remote = remote
        self.contact = contact
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_sequence = local_sequence
        self.remote_sequence = remote_sequence
        self.is_confirmed = False

    @classmethod
    def of_caller(cls, invite: Request, response: Response) -> Dialog:
        """Make the dialog that a response to an INVITE of ours begins (RFC 3261 section 12.1.2).

        Raises:
            DialogError: The response has no To, or a broken Record-Route.
        """
        local, remote = invite.headers["From"], response.headers.get("To")
        if remote is None:
            raise DialogError("a response has no To header")
        try:
            target = _contact(response)
        except DialogError:
            # Some phones leave it out of a 180: the Request-URI leads to them as well.
            target = invite.uri
        return cls(
            id=DialogId(invite.headers["Call-ID"], tag_of(local) or "", tag_of(remote) or ""),
            local=local,
            remote=remote,
            contact=invite.headers["Contact"],
            remote_target=target,
            route_set=_record_route(response)[::-1],
            local_sequence=invite.cseq.sequence,
        )

    @classmethod
    def of_called(cls, invite: Request, *, tag: str, contact: str) -> Dialog:
        """Make the dialog of an INVITE that came (RFC 3261 section 12.1.1).

        Args:
            invite: The request.
            tag: Tag that our responses add to To.
            contact: Contact of our responses.

        Raises:
            DialogError: The request has no usable Contact.
        """
        remote = invite.headers["From"]
        return cls(
            id=DialogId(invite.headers["Call-ID"], tag, tag_of(remote) or ""),
            local=f"{invite.headers['To']};tag={tag}",
            remote=remote,
            contact=contact,
            remote_target=_contact(invite),
            route_set=_record_route(invite),
            remote_sequence=invite.cseq.sequence,
        )

    def request(self, method: str, *, body: bytes = b"", content_type: str = "") -> Request:
        """Make the next request within this dialog (RFC 3261 section 12.2.1.1), without Via.

        Args:
            method: Any but ACK and CANCEL.
            body: Its body.
            content_type: Media type of the body.
        """
        self.local_sequence += 1
        request = self._request(CSeq(self.local_sequence, method))
        return with_body(request, body, content_type=content_type)

    def ack(self, invite: Request, *, body: bytes = b"", content_type: str = "") -> Request:
        """Make the ACK of a 2xx (RFC 3261 section 13.2.2.4), without Via.

        Args:
            invite: The request that the 2xx answers: its number and credentials are repeated.
            body: The answer to an offer in the 2xx.
            content_type: Media type of the body.
        """
        ack = self._request(CSeq(invite.cseq.sequence, "ACK"))
        with_body(ack, body, content_type=content_type)
        for name in _CREDENTIALS:
            if values := invite.headers.getlist(name):
                ack.headers.setlist(name, list(values))
        return ack

    def take_sequence(self, request: Request) -> bool:
        """Take the number of a request; False where it is out of order (section 12.2.2).

        A retransmission never comes here: its transaction absorbs it.

        Args:
            request: Any request but ACK and CANCEL, which have the number of their INVITE.
        """
        sequence = request.cseq.sequence
        if self.remote_sequence is not None and sequence <= self.remote_sequence:
            return False
        self.remote_sequence = sequence
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Take the Contact of a target refresh: INVITE, UPDATE, and their 2xx (section 12.2)."""
        try:
            self.remote_target = _contact(message)
        except DialogError:
            # A missing Contact leaves the target as it is.
            return

    def confirm(self, response: Response | None = None) -> None:
        """Take note of the 2xx.

        Args:
            response: The 2xx that came, whose route set and target count (section 13.2.2.4); None
                at the end that sent it.
        """
        first, self.is_confirmed = not self.is_confirmed, True
        if response is None:
            return
        self.refresh_target(response)
        if not first:
            return
        try:
            self.route_set = _record_route(response)[::-1] or self.route_set
        except DialogError:
            # The route of the early dialog leads to the other end as well.
            return

    def _request(self, cseq: CSeq) -> Request:
        uri, routes = self.remote_target, list(self.route_set)
        if routes:
            first = parse_address(routes[0]).uri
            if "lr" not in first.parameters:
                # A strict router of RFC 2543 takes itself for the target (section 12.2.1.1).
                uri, routes = first, [*routes[1:], f"<{self.remote_target}>"]
        request = Request(method=cseq.method, uri=uri)
        if routes:
            request.headers.setlist("Route", routes)
        request.max_forwards = MAX_FORWARDS
        request.headers.set("From", self.local)
        request.headers.set("To", self.remote)
        request.call_id = self.id.call_id
        request.cseq = cseq
        if cseq.method not in ("ACK", "BYE"):
            request.headers.set("Contact", self.contact)
        return request


def with_body(request: Request, body: bytes, *, content_type: str) -> Request:
    """Give a request a body, unless it is empty."""
    request.body = body
    if body:
        request.headers.set("Content-Type", content_type)
    return request


def _contact(message: Request | Response) -> URI:
    values = message.headers.getlist("Contact")
    if not values:
        raise DialogError("a message that makes a dialog has no Contact header")
    try:
        return parse_address(split_values(values[0])[0]).uri
    except (ValueError, IndexError) as error:
        raise DialogError(f"Contact is broken: {values[0][:100]!r}") from error


def _record_route(message: Request | Response) -> tuple[str, ...]:
    try:
        routes = [
            route
            for value in message.headers.getlist("Record-Route")
            for route in split_values(value)
        ]
        for route in routes:
            parse_address(route)
    except ValueError as error:
        raise DialogError(f"Record-Route is broken: {error}") from error
    if len(routes) > MAX_ROUTES:
        raise DialogError(f"Record-Route names {len(routes)} proxies; {MAX_ROUTES} are the most")
    return tuple(routes)
