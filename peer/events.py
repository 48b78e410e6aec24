"""Owns the events of a connection: their names, what they carry, and how handlers are called."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from peer.errors import InvalidStateError
from peer.rtp.tracks import MediaStreamError
from peer.tasks import BackgroundTasks

if TYPE_CHECKING:
    from peer.candidates import IceCandidate
    from peer.rekey.result import RekeyResult
    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.tracks import MediaStreamTrack
    from peer.transceiver import RtpTransceiver
    from peer.transport.sctp.transport import DataChannel


class EventName(StrEnum):
    """The events of webrtc-pc section 4.4.1 and our own, and the argument of their handlers."""

    TRACK = "track"  # TrackEvent
    DATA_CHANNEL = "datachannel"  # DataChannelEvent
    ICE_CANDIDATE = "icecandidate"  # IceCandidateEvent
    NEGOTIATION_NEEDED = "negotiationneeded"
    SIGNALING_STATE_CHANGE = "signalingstatechange"
    ICE_GATHERING_STATE_CHANGE = "icegatheringstatechange"
    ICE_CONNECTION_STATE_CHANGE = "iceconnectionstatechange"
    CONNECTION_STATE_CHANGE = "connectionstatechange"
    # Ours, not of W3C:
    REKEYED = "rekeyed"  # RekeyedEvent
    REKEY_FAILED = "rekeyfailed"  # RekeyedEvent


@dataclass(frozen=True, slots=True)
class TrackEvent:
    """The peer sends a track. `streams` are the ids of the MediaStreams it belongs to."""

    track: MediaStreamTrack
    receiver: RtpReceiver
    transceiver: RtpTransceiver
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataChannelEvent:
    """The peer opened a data channel."""

    channel: DataChannel


@dataclass(frozen=True, slots=True)
class IceCandidateEvent:
    """A candidate to hand to the peer; None when gathering has ended."""

    candidate: IceCandidate | None


@dataclass(frozen=True, slots=True)
class RekeyedEvent:
    """The keys of the connection were changed, or in `rekeyfailed` not; `result` says why."""

    result: RekeyResult


#: A function or a coroutine function; what it returns otherwise is passed over.
Handler = Callable[..., object]


class EventEmitter:
    """Calls handlers in the order in which they were added.

    A handler may be a plain function or a coroutine function. What a handler raises goes to the
    exception handler of the event loop: it is a fault of the program, and none of the session's.
    """

    def __init__(self) -> None:
        self._handlers: dict[EventName, list[Handler]] = {}
        self._tasks = BackgroundTasks(self._is_expected)
        self._ending = False

    def on(self, event: str, handler: Handler) -> None:
        """Add a handler.

        Raises:
            ValueError: There is no event of that name.
        """
        self._handlers.setdefault(EventName(event), []).append(handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it was not there."""
        handlers = self._handlers.get(EventName(event), [])
        if handler in handlers:
            handlers.remove(handler)

    def emit(self, event: EventName, *arguments: Any) -> bool:
        """Call the handlers now; those that are coroutines run as tasks of the connection.

        Returns:
            Whether there was any.
        """
        handlers = tuple(self._handlers.get(event, ()))
        for handler in handlers:
            try:
                result = handler(*arguments)
            except Exception as error:
                _report(f"a handler of {event.value!r} raised", error)
                continue
            if inspect.iscoroutine(result):
                self._tasks.spawn(result, f"handler of {event.value!r}")
        return bool(handlers)

    def expect_end(self) -> None:
        """The connection is closing, because the present task asked for it.

        Where that task is a handler, it lives on.
        """
        self._ending = True
        self._tasks.release(asyncio.current_task())

    async def close(self) -> None:
        """Take every handler away, and end those that run."""
        self._handlers.clear()
        # A handler that was called, of the close itself for example, has at least begun.
        await asyncio.sleep(0)
        await self._tasks.close()

    def _is_expected(self, error: BaseException) -> bool:
        """How a handler ends without a fault: with the track that it read, or with us."""
        overtaken = self._ending and isinstance(error, InvalidStateError)
        return overtaken or isinstance(error, MediaStreamError)


def _report(message: str, error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
