"""Finds the connection in whose trace a SIP message belongs: by its dialog, else by its call."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signaling.sip.message_trace import trace_message
from signaling.sip.replies import tag_of

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from peer import PeerConnection
    from peer.tracing.events import Direction
    from signaling.sip.dialog import Dialog

#: Messages of a call that wait for its connection, and calls that have such (ours).
_MOST_WAITING: Final = 8
_MOST_CALLS: Final = 64


@dataclass(slots=True)
class _TracedCall:
    """The connections of one Call-ID.

    Attributes:
        main: Connection of the INVITE; None before the program has given it.
        forks: Connections by the tag of the other end.
        waiting: Messages that came before the first connection.
    """

    main: PeerConnection | None = None
    forks: dict[str, PeerConnection] = field(default_factory=dict)
    waiting: list[tuple[Direction, Request | Response]] = field(default_factory=list)


class TracedMessages:
    """Traces the messages of all calls of a phone, each with the connection that it is about."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _TracedCall] = OrderedDict()

    def begin(self, call_id: str, connection: PeerConnection) -> None:
        """Trace the messages of a call that have no dialog yet with a connection."""
        call = self._call(call_id)
        call.main = call.main or connection
        waiting, call.waiting = call.waiting, []
        for direction, message in waiting:
            trace_message(connection, direction, message)

    def bind(self, dialog: Dialog, connection: PeerConnection) -> None:
        """Trace the messages of a dialog with a connection."""
        self.begin(dialog.id.call_id, connection)
        self._call(dialog.id.call_id).forks[dialog.id.remote_tag] = connection

    def release(self, dialog: Dialog) -> None:
        """Drop what is known of a dialog that is over, and of its call with the last one."""
        call = self._calls.get(dialog.id.call_id)
        if call is not None:
            call.forks.pop(dialog.id.remote_tag, None)
            if not call.forks:
                del self._calls[dialog.id.call_id]

    def note(self, direction: Direction, message: Request | Response) -> None:
        """Trace a message that went out or came in, where it belongs to a call."""
        call_id = message.headers.get("Call-ID")
        if call_id is None or (message.headers.get("CSeq") or "").endswith("REGISTER"):
            return
        call = self._calls.get(call_id) or self._call(call_id)
        tags = [tag_of(message.headers.get(name) or "") for name in ("To", "From")]
        connection = next((call.forks[tag] for tag in tags if tag in call.forks), call.main)
        if connection is not None:
            trace_message(connection, direction, message)
        elif len(call.waiting) < _MOST_WAITING:
            call.waiting.append((direction, message))

    def _call(self, call_id: str) -> _TracedCall:
        found = self._calls.setdefault(call_id, _TracedCall())
        if len(self._calls) > _MOST_CALLS:
            # One that never got a connection, as a stray request does not, goes first.
            idle = (each for each, call in self._calls.items() if call.main is None)
            oldest = next(idle, None)
            if oldest is not None and oldest != call_id:
                del self._calls[oldest]
        return found
