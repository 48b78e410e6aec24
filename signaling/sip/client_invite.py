"""Responses to the INVITEs of ours in one dialog, and the PRACK and ACK that they are owed. PURE.

RFC 3261 section 13.2.2 and RFC 3262 section 4. The counterpart at the called end is
`server_invite.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signaling.sip.agent_port import SDP
from signaling.sip.offer_answer import Carrier, Meaning, OfferAnswerError, OfferAnswerState
from signaling.sip.reliable import Order, ReliableReceiver, rseq_of
from signaling.sip.session_events import (
    AnswerReceived,
    OfferReceived,
    PreviewReceived,
    SessionEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import Request, Response

    from signaling.sip.agent_port import AgentPort, OwnRequest
    from signaling.sip.dialog import Dialog


class ClientInvite:
    """PRACK and ACK that a caller owes to the responses to its INVITEs in one dialog.

    Args:
        agent: The user agent.
        dialog: The dialog.
        offers: Offers and answers of the dialog.
        on_gone: Called with the status code when a PRACK is refused: the other end does not know
            the call.
    """

    def __init__(
        self,
        agent: AgentPort,
        dialog: Dialog,
        offers: OfferAnswerState,
        *,
        on_gone: Callable[[int], None],
    ) -> None:
        self._agent = agent
        self._dialog = dialog
        self._offers = offers
        self._on_gone = on_gone
        self._receiver = ReliableReceiver()
        #: The reliable response, or the INVITE, whose offer our PRACK or ACK is to answer.
        self._prack_due: tuple[OwnRequest, Response] | None = None
        self._ack_due: OwnRequest | None = None
        self._last_ack: Request | None = None
        self._preview = ""

    @property
    def owes_answer(self) -> bool:
        """Tell if an offer in a response waits for our ACK or PRACK."""
        return self._ack_due is not None or self._prack_due is not None

    def begin(self) -> None:
        """Take note of another INVITE of ours: its reliable responses are numbered anew."""
        self._receiver = ReliableReceiver()
        self._preview = ""

    def provisional(self, own: OwnRequest, response: Response) -> list[SessionEvent] | None:
        """Take a 1xx, and acknowledge a reliable one; None for one that came before.

        Raises:
            OfferAnswerError: Its description may not stand there.
        """
        rseq = rseq_of(response)
        described = bool(response.body)
        if rseq is None:
            meaning = self._offers.received(Carrier.PROVISIONAL, described=described)
            if meaning is not Meaning.PREVIEW:
                return []
            self._preview = description(response)
            return [PreviewReceived(self._preview)]
        if self._receiver.take(rseq) is not Order.NEXT:
            return None
        meaning = self._offers.received(Carrier.RELIABLE, described=described)
        if meaning is Meaning.OFFER:
            self._prack_due = (own, response)
            return [OfferReceived(description(response))]
        self._send_prack(own, response, b"")
        return [AnswerReceived(description(response))] if meaning is Meaning.ANSWER else []

    def is_repeated(self, own: OwnRequest) -> bool:
        """Tell if the 2xx to an INVITE came before; its ACK is then sent again."""
        if self._ack_due is own:
            return True
        if self._last_ack is None or self._last_ack.cseq.sequence != own.request.cseq.sequence:
            return False
        self._agent.send_ack(self._last_ack, again=True)
        return True

    def success(self, own: OwnRequest, response: Response) -> list[SessionEvent]:
        """Take the first 2xx of an INVITE, and acknowledge it unless it holds an offer.

        Raises:
            OfferAnswerError: It holds neither the answer nor the offer that it has to; the ACK has
                been sent.
        """
        self._prack_due = None
        if self._offers.offered_in is Carrier.RELIABLE:
            # The answer was to stand in a PRACK, for which it is too late (RFC 3262 section 3).
            self._offers.refused()
        text = description(response)
        try:
            meaning = self._offers.received(Carrier.SUCCESS, described=bool(response.body))
        except OfferAnswerError:
            self.acknowledge(own)
            if not self._preview:
                raise
            # Some phones say in the 2xx only that the preview stands.
            meaning = self._offers.received(Carrier.SUCCESS, described=True)
            text = self._preview
        if meaning is Meaning.OFFER:
            self._ack_due = own
            return [OfferReceived(text)]
        self.acknowledge(own)
        return [AnswerReceived(text)] if meaning is Meaning.ANSWER else []

    def acknowledge(self, own: OwnRequest, body: bytes = b"") -> None:
        """Send the ACK of a 2xx, unless it is sent."""
        if self._last_ack is not None and self._last_ack.cseq.sequence == own.request.cseq.sequence:
            return
        self._ack_due = None
        self._last_ack = self._dialog.ack(own.request, body=body, content_type=SDP)
        self._agent.send_ack(self._last_ack)

    def acknowledge_unanswered(self) -> None:
        """Send the ACK that waits for an answer without one: BYE follows."""
        if self._ack_due is not None:
            self.acknowledge(self._ack_due)

    def answer(self, carrier: Carrier, body: bytes) -> bool:
        """Send the answer in the ACK or PRACK that is due; False where it is not.

        Args:
            carrier: ACK or PRACK.
            body: The answer.
        """
        if carrier is Carrier.ACK and self._ack_due is not None:
            self._offers.sent(carrier, described=True)
            self.acknowledge(self._ack_due, body)
            return True
        if carrier is Carrier.PRACK and self._prack_due is not None:
            self._offers.sent(carrier, described=True)
            own, response = self._prack_due
            self._prack_due = None
            self._send_prack(own, response, body)
            return True
        return False

    def _send_prack(self, own: OwnRequest, response: Response, body: bytes) -> None:
        prack = self._dialog.request("PRACK", body=body, content_type=SDP)
        rseq = (response.headers.get("RSeq") or "").strip()
        prack.headers.set("RAck", f"{rseq} {own.request.cseq}")
        self._agent.send_request(prack, self._on_prack_response, dialog=self._dialog)

    def _on_prack_response(self, _own: OwnRequest, response: Response) -> None:
        if response.code >= 300:
            self._on_gone(response.code)


def description(message: Request | Response) -> str:
    """Session description in a message."""
    return message.body.decode("utf-8", "replace")
