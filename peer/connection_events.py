"""Subscribes to the events of a `PeerConnection`, typed by the names of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from peer.events import EventName

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.emitter import Decorator, Handler, PlainDecorator, Takes
    from peer.events import (
        DataChannelEvent,
        IceCandidateErrorEvent,
        IceCandidateEvent,
        PhraseEvent,
        PhraseMessageEvent,
        RekeyedEvent,
        SdesKeysEvent,
        TrackEvent,
        UnencryptedEvent,
    )
    from peer.runtime.core import ConnectionCore
    from peer.trust import PeerCertificateEvent

StateEventName: TypeAlias = Literal[
    "negotiationneeded",
    "signalingstatechange",
    "icegatheringstatechange",
    "iceconnectionstatechange",
    "connectionstatechange",
]


class ConnectionEvents:
    """The part of a `PeerConnection` that handlers are added to and taken from."""

    _core: ConnectionCore

    @overload
    def on(self, event: Literal["track"]) -> Decorator[TrackEvent]: ...
    @overload
    def on(self, event: Literal["track"], handler: Takes[TrackEvent]) -> Takes[TrackEvent]: ...
    @overload
    def on(self, event: Literal["datachannel"]) -> Decorator[DataChannelEvent]: ...
    @overload
    def on(
        self, event: Literal["datachannel"], handler: Takes[DataChannelEvent]
    ) -> Takes[DataChannelEvent]: ...
    @overload
    def on(self, event: Literal["icecandidate"]) -> Decorator[IceCandidateEvent]: ...
    @overload
    def on(
        self, event: Literal["icecandidate"], handler: Takes[IceCandidateEvent]
    ) -> Takes[IceCandidateEvent]: ...
    @overload
    def on(self, event: Literal["icecandidateerror"]) -> Decorator[IceCandidateErrorEvent]: ...
    @overload
    def on(
        self, event: Literal["icecandidateerror"], handler: Takes[IceCandidateErrorEvent]
    ) -> Takes[IceCandidateErrorEvent]: ...
    @overload
    def on(self, event: Literal["rekeyed", "rekeyfailed"]) -> Decorator[RekeyedEvent]: ...
    @overload
    def on(
        self, event: Literal["rekeyed", "rekeyfailed"], handler: Takes[RekeyedEvent]
    ) -> Takes[RekeyedEvent]: ...
    @overload
    def on(self, event: Literal["peercertificate"]) -> Decorator[PeerCertificateEvent]: ...
    @overload
    def on(
        self, event: Literal["peercertificate"], handler: Takes[PeerCertificateEvent]
    ) -> Takes[PeerCertificateEvent]: ...
    @overload
    def on(self, event: Literal["phrase"]) -> Decorator[PhraseEvent]: ...
    @overload
    def on(self, event: Literal["phrase"], handler: Takes[PhraseEvent]) -> Takes[PhraseEvent]: ...
    @overload
    def on(self, event: Literal["phrasemessage"]) -> Decorator[PhraseMessageEvent]: ...
    @overload
    def on(
        self, event: Literal["phrasemessage"], handler: Takes[PhraseMessageEvent]
    ) -> Takes[PhraseMessageEvent]: ...
    @overload
    def on(self, event: Literal["unencrypted"]) -> Decorator[UnencryptedEvent]: ...
    @overload
    def on(
        self, event: Literal["unencrypted"], handler: Takes[UnencryptedEvent]
    ) -> Takes[UnencryptedEvent]: ...
    @overload
    def on(self, event: Literal["sdeskeys"]) -> Decorator[SdesKeysEvent]: ...
    @overload
    def on(
        self, event: Literal["sdeskeys"], handler: Takes[SdesKeysEvent]
    ) -> Takes[SdesKeysEvent]: ...
    @overload
    def on(self, event: StateEventName) -> PlainDecorator: ...
    @overload
    def on(self, event: StateEventName, handler: Callable[[], object]) -> Callable[[], object]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@pc.on("track")`.

        Raises:
            ValueError: A PeerConnection has no event of that name; the error lists those it has.
        """
        if handler is None:
            decorator = self._core.events.subscribe(event)

            def decorate(handler: Handler) -> Handler:
                decorator(handler)
                self._core.check_negotiation()
                return handler

            return decorate
        self._core.events.on(event, handler)
        self._core.check_negotiation()
        return handler

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed.

        An offer that is still needed then is asked of the next `negotiationneeded` handler.

        Raises:
            ValueError: A PeerConnection has no event of that name.
        """
        self._core.events.remove_listener(event, handler)
        if event == EventName.NEGOTIATION_NEEDED:
            self._core.forget_announced_need()
