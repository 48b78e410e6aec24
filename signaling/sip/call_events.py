"""Defines what a SIP call tells its program: states, events, and their arguments."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from signaling.sip.invite_session import InviteSession
    from signaling.sip.session_events import ReferReceived


class CallDirection(StrEnum):
    """Direction of a call: the end that has called."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class CallState(StrEnum):
    """Progress of a call."""

    #: Nobody has accepted yet; of an incoming call, this end has not.
    RINGING = "ringing"
    #: Media flows, or may, before anybody has accepted (RFC 3960).
    EARLY = "early"
    ESTABLISHED = "established"
    ENDED = "ended"


class CallEvent(StrEnum):
    """The events of a `Call`, with the argument of their handlers."""

    STATE = "state"  # CallState
    HELD = "held"  # -: the other end has put the call on hold
    RESUMED = "resumed"  # -
    TONE = "tone"  # str
    TRANSFER = "transfer"  # Transfer
    ENDED = "ended"  # CallEnded


class Transfer:
    """A wish of the other end that this one calls somebody else (REFER, RFC 3515).

    Args:
        session: Session of the call.
        refer: The request.
        flush: Sends what the session has to send.

    Attributes:
        target: URI to call.
        referred_by: Who asks, as the request says; empty where it does not.
    """

    def __init__(
        self, session: InviteSession, refer: ReferReceived, flush: Callable[[], None]
    ) -> None:
        self.target = refer.target
        self.referred_by = refer.referred_by
        self._session = session
        self._number = refer.number
        self._flush = flush

    def __repr__(self) -> str:
        return f"<Transfer to {self.target!r}>"

    def accept(self) -> None:
        """Answer that the target is called; `report` tells how that goes.

        Raises:
            SipUsageError: The wish is answered already.
        """
        self._session.accept_refer(self._number)
        self._flush()

    def refuse(self, status: int = 603) -> None:
        """Answer that the target is not called.

        Args:
            status: Status code of the answer.

        Raises:
            SipUsageError: The wish is answered already.
        """
        self._session.refuse_refer(self._number, code=status)
        self._flush()

    def report(self, status: int = 200) -> None:
        """Tell the other end how the call to the target goes: 200 and more ends the transfer.

        Args:
            status: Status code of that call.

        Raises:
            SipUsageError: The wish was not accepted, or its end was reported.
        """
        self._session.report_refer(self._number, code=status)
        self._flush()
