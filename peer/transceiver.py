"""Owns `RtpTransceiver`: one m-section as applications see it (webrtc-pc section 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.errors import InvalidAccessError, InvalidStateError
from peer.negotiation.attributes import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.negotiation.session import Transceiver
    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp_parameters import MediaKind


class TransceiverHost(Protocol):
    """What a transceiver asks of its connection."""

    def transceiver_state(self, key: int) -> Transceiver | None:
        """What negotiation knows of it; None where a rollback removed it."""

    def change_direction(self, key: int, direction: Direction) -> None:
        """Wish for another direction."""

    def prefer_codecs(self, key: int, mime_types: Sequence[str]) -> None:
        """Wish for these codecs only, in this order."""

    async def stop_transceiver(self, key: int) -> None:
        """Take the m-section away."""


class RtpTransceiver:
    """A sender and a receiver that share an m-section. Made by the connection.

    Args:
        key: Its name in negotiation.
        host: The connection.
        sender: Its sending half.
        receiver: Its receiving half.
    """

    def __init__(
        self, key: int, host: TransceiverHost, sender: RtpSender, receiver: RtpReceiver
    ) -> None:
        self.key = key
        self._host = host
        self.sender = sender
        self.receiver = receiver

    @property
    def kind(self) -> MediaKind:
        """Audio or video."""
        return self.receiver.kind

    @property
    def mid(self) -> str | None:
        """The name of the m-section; None before it was offered and after it was stopped."""
        state = self._state
        return None if state is None else state.mid

    @property
    def direction(self) -> str:
        """What the application wishes for; `stopped` once it was taken away.

        Setting it asks for negotiation.

        Raises:
            InvalidStateError: On setting, where it is stopped.
            ValueError: On setting, where it is no direction.
        """
        state = self._state
        return "stopped" if state is None or state.stopping else state.direction.value

    @direction.setter
    def direction(self, value: str) -> None:
        if self.direction == "stopped":
            raise InvalidStateError("the transceiver is stopped")
        self._host.change_direction(self.key, Direction(value))

    @property
    def currentDirection(self) -> str | None:
        """What the last answer settled, or None; `stopped` at the end."""
        state = self._state
        if state is None:
            return "stopped"
        return None if state.current_direction is None else state.current_direction.value

    @property
    def stopped(self) -> bool:
        """Whether it has ended for good."""
        return self._state is None

    def setCodecPreferences(self, mime_types: Sequence[str]) -> None:
        """Offer and accept only these codecs, in this order, from the next negotiation on.

        Args:
            mime_types: For example `["video/H264", "video/VP8"]`; empty for our own order.

        Raises:
            InvalidAccessError: One of them is not a codec of ours.
        """
        kind = f"{self.kind}/"
        for mime_type in mime_types:
            if not mime_type.lower().startswith(kind):
                raise InvalidAccessError(f"{mime_type!r} is no {self.kind} codec")
        self._host.prefer_codecs(self.key, mime_types)

    async def stop(self) -> None:
        """Take the m-section away: media ends now, the peer learns of it in the next offer."""
        await self._host.stop_transceiver(self.key)

    @property
    def _state(self) -> Transceiver | None:
        return self._host.transceiver_state(self.key)

    def __repr__(self) -> str:
        return f"<RtpTransceiver {self.kind} mid={self.mid!r} {self.direction}>"
