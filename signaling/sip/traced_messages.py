"""Finds the connection in whose trace a SIP message belongs: by its dialog, else by its call."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from dataclasses import field
from typing import TYPE_CHECKING, Final

from sipmessage import Request

from peer.values import dataclass
from signaling.sip.message_trace import trace_message
from signaling.sip.replies import tag_of

if TYPE_CHECKING:
    from sipmessage import Response

    from peer import PeerConnection
    from peer.tracing.events import Direction
    from signaling.sip.dialog import Dialog

#: Messages of a call that wait for their connection, and calls that are known (ours).
_MOST_WAITING: Final = 16
_MOST_CALLS: Final = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    direction: Direction
    message: Request | Response
    when: float

    def trace(self, connection: PeerConnection) -> None:
        age = asyncio.get_running_loop().time() - self.when
        trace_message(connection, self.direction, self.message, age=age)


@dataclasses.dataclass(slots=True)
class _TracedCall:
    """The connections of one Call-ID.

    Attributes:
        main: Connection of the INVITE; None before the program has given it.
        has_forks: Each dialog gets a connection of its own.
        dialogs: Connections by the tag of the other end.
        invite: The INVITE of ours that all dialogs have in common.
        waiting: Messages that came before their connection.
    """

    main: PeerConnection | None = None
    has_forks: bool = False
    dialogs: dict[str, PeerConnection] = field(default_factory=dict)
    invite: _Waiting | None = None
    waiting: list[_Waiting] = field(default_factory=list)


class TracedMessages:
    """Traces the messages of all calls of a phone, each with the connection that it is about."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _TracedCall] = OrderedDict()

    def __len__(self) -> int:
        """Count the calls that are known."""
        return len(self._calls)

    def begin(self, call_id: str, connection: PeerConnection, *, has_forks: bool) -> None:
        """Trace the messages of a call of ours that have no dialog yet with a connection.

        Args:
            call_id: The Call-ID.
            connection: The connection that offers.
            has_forks: Each dialog will have a connection of its own.
        """
        call = self._call(call_id)
        call.main, call.has_forks = connection, has_forks

    def bind(self, dialog: Dialog, connection: PeerConnection) -> None:
        """Trace the messages of a dialog with a connection, those that have come included."""
        call = self._call(dialog.id.call_id)
        tag = dialog.id.remote_tag
        call.dialogs[tag] = connection
        if call.main is None:
            call.main = connection
        elif call.main is not connection and call.invite is not None:
            call.invite.trace(connection)
        mine = [each for each in call.waiting if not call.has_forks or tag in _tags(each.message)]
        call.waiting = [each for each in call.waiting if each not in mine]
        for each in mine:
            each.trace(connection)

    def release(self, dialog: Dialog) -> None:
        """Drop what is known of a dialog that is over, and of its call with the last one."""
        call = self._calls.get(dialog.id.call_id)
        if call is not None:
            call.dialogs.pop(dialog.id.remote_tag, None)
            if not call.dialogs:
                del self._calls[dialog.id.call_id]

    def finish(self, call_id: str) -> None:
        """Drop what is known of an INVITE of ours that is over, unless a dialog of it goes on."""
        call = self._calls.get(call_id)
        if call is not None and not call.dialogs:
            del self._calls[call_id]

    def note(self, direction: Direction, message: Request | Response) -> None:
        """Trace a message that went out or came in, where it belongs to a call."""
        call_id = message.headers.get("Call-ID")
        if call_id is None:
            return
        tags = _tags(message)
        call = self._calls.get(call_id)
        if call is None:
            # Of what else comes nothing is known: its call is over, or never was one.
            if not isinstance(message, Request) or message.method != "INVITE" or len(tags) == 2:
                return
            call = self._call(call_id)
        waiting = _Waiting(direction, message, asyncio.get_running_loop().time())
        connection = next((call.dialogs[tag] for tag in tags if tag in call.dialogs), call.main)
        is_of_fork = call.has_forks and len(tags) == 2 and connection is call.main
        if connection is not None and not is_of_fork:
            if call.has_forks and call.invite is None:
                call.invite = waiting
            trace_message(connection, direction, message)
        elif len(call.waiting) < _MOST_WAITING:
            call.waiting.append(waiting)

    def _call(self, call_id: str) -> _TracedCall:
        found = self._calls.setdefault(call_id, _TracedCall())
        if len(self._calls) > _MOST_CALLS:
            # One that never got a connection, as a stray request does not, goes first.
            idle = (each for each, call in self._calls.items() if call.main is None)
            oldest = next(idle, None)
            if oldest is not None and oldest != call_id:
                del self._calls[oldest]
        return found


def _tags(message: Request | Response) -> list[str]:
    """Tags of both ends, as far as they are known."""
    found = (tag_of(message.headers.get(name) or "") for name in ("To", "From"))
    return [tag for tag in found if tag is not None]
