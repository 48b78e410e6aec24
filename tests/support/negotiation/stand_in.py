"""A stand-in for a connection that goes wrong on request, with its negotiator."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.events import IceCandidateEvent
from peer.states import IceConnectionState, SignalingState
from signaling import (
    Error,
    ErrorCode,
    Negotiator,
    Offer,
    Opening,
    channel_pair,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.ice import IceCandidate
    from signaling import PeerMessage
    from signaling.memory import MemoryChannel


class StandIn:
    """The state machine of webrtc-pc section 4.3.1, and nothing behind it."""

    def __init__(self) -> None:
        self.signalingState = SignalingState.STABLE
        self.iceConnectionState = IceConnectionState.NEW
        self.localDescription: SessionDescription | None = None
        self.remoteDescription: SessionDescription | None = None
        self.currentLocalDescription: SessionDescription | None = None
        self.currentRemoteDescription: SessionDescription | None = None
        self.applied: list[str] = []
        self.failures: dict[str, deque[Exception]] = defaultdict(deque)
        self.candidates_before_return: list[IceCandidate] = []
        self.busy = 0
        self.started = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.listeners: dict[str, list[Callable[..., Any]]] = defaultdict(list)

    def on(self, event: str, f: Callable[..., Any], /) -> None:
        self.listeners[event].append(f)

    def remove_listener(self, event: str, f: Callable[..., Any], /) -> None:
        self.listeners[event].remove(f)

    def emit(self, event: str, *arguments: Any) -> None:
        for listener in self.listeners[event]:
            listener(*arguments)

    def close(self) -> None:
        self.signalingState = SignalingState.CLOSED
        self.emit("signalingstatechange")

    def restartIce(self) -> None:
        self.applied.append("restart")
        self.emit("negotiationneeded")

    async def setLocalDescription(self, description: SessionDescription | None = None, /) -> None:
        rollback = description is not None and description.type is SdpType.ROLLBACK
        early = description is not None and description.type is SdpType.PRANSWER
        await self._operate("local rollback" if rollback else "local")
        answering = self.signalingState in (
            SignalingState.HAVE_REMOTE_OFFER,
            SignalingState.HAVE_LOCAL_PRANSWER,
        )
        if early:
            self.signalingState = SignalingState.HAVE_LOCAL_PRANSWER
        elif rollback or answering:
            self.signalingState = SignalingState.STABLE
        else:
            self.signalingState = SignalingState.HAVE_LOCAL_OFFER
        if not rollback:
            kind = SdpType.PRANSWER if early else SdpType.ANSWER if answering else SdpType.OFFER
            self.localDescription = SessionDescription(f"ours {len(self.applied)}", kind)
        for candidate in self.candidates_before_return:
            self.emit("icecandidate", IceCandidateEvent(candidate))

    async def createAnswer(self) -> SessionDescription:
        return SessionDescription("answer", SdpType.ANSWER)

    async def setRemoteDescription(self, description: SessionDescription, /) -> None:
        await self._operate(f"remote {description.type}")
        self.remoteDescription = description
        if description.type is SdpType.OFFER:
            self.signalingState = SignalingState.HAVE_REMOTE_OFFER
        elif description.type is SdpType.PRANSWER:
            self.signalingState = SignalingState.HAVE_REMOTE_PRANSWER
        else:
            self.signalingState = SignalingState.STABLE

    async def addIceCandidate(self, candidate: IceCandidate | None, /) -> None:
        await self._operate("candidate")

    def add_phrase_message(self, message: str, /) -> None:
        self.applied.append(f"phrase {message}")

    async def _operate(self, name: str) -> None:
        self.started.set()
        self.busy += 1
        assert self.busy == 1, "one operation at a time"
        try:
            await self.may_go_on.wait()
            if self.signalingState is SignalingState.CLOSED:
                raise InvalidStateError("closed")
            if self.failures[name]:
                raise self.failures[name].popleft()
            self.applied.append(name)
        finally:
            self.busy -= 1


class Scene:
    """A stand-in, its negotiator while it runs, and the peer's end of the channel."""

    def __init__(
        self, *, polite: bool, pc: StandIn | None = None, opening: Opening = Opening.OFFER
    ) -> None:
        self.pc = pc or StandIn()
        ours, self.peer = channel_pair()
        self.ours: MemoryChannel = ours
        self.errors: list[Exception] = []
        self.rings = 0
        self.negotiator = Negotiator(
            self.pc,
            ours,
            polite=polite,
            opening=opening,
            on_ringing=self._ring,
            on_error=self.errors.append,
        )
        self.running = asyncio.create_task(self.negotiator.run())

    def _ring(self) -> None:
        self.rings += 1

    async def says(self, *messages: PeerMessage) -> None:
        for message in messages:
            await self.peer.send(message)

    async def hears(self, kind: type[PeerMessage] | None = None) -> PeerMessage:
        message = await self.peer.receive()
        assert kind is None or isinstance(message, kind), message
        return message

    async def hears_error(self, code: ErrorCode) -> None:
        message = await self.hears(Error)
        assert isinstance(message, Error)
        assert message.code is code

    async def is_offering(self) -> None:
        self.pc.emit("negotiationneeded")
        await self.hears(Offer)


async def turns() -> None:
    """Let the other tasks go as far as they can without a message."""
    for _ in range(20):
        await asyncio.sleep(0)
