"""Defines the events of a connection: their names and their arguments."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Self, TypeVar

from peer.emitter import EventEmitter, Handler
from peer.errors import InvalidStateError
from peer.rtp.tracks import MediaStreamError
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.ice import IceCandidate
    from peer.rekey.result import RekeyResult
    from peer.rtp.inbound.received_track import ReceivedTrack
    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.media_stream import MediaStream
    from peer.transceiver import RtpTransceiver
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.sctp.transport import DataChannel
    from peer.trust.phrase import Phrase


_H = TypeVar("_H", bound=Handler)

#: Events of one name that are kept for their first handler; the oldest go (ours).
_MOST_KEPT = 256


class EventName(StrEnum):
    """The events of W3C webrtc-pc section 4.4.1 and ours, with the argument of their handlers."""

    TRACK = "track"  # TrackEvent
    DATA_CHANNEL = "datachannel"  # DataChannelEvent
    ICE_CANDIDATE = "icecandidate"  # IceCandidateEvent
    ICE_CANDIDATE_ERROR = "icecandidateerror"  # IceCandidateErrorEvent
    NEGOTIATION_NEEDED = "negotiationneeded"
    SIGNALING_STATE_CHANGE = "signalingstatechange"
    ICE_GATHERING_STATE_CHANGE = "icegatheringstatechange"
    ICE_CONNECTION_STATE_CHANGE = "iceconnectionstatechange"
    CONNECTION_STATE_CHANGE = "connectionstatechange"
    # Ours, not of W3C:
    REKEYED = "rekeyed"  # RekeyedEvent
    REKEY_FAILED = "rekeyfailed"  # RekeyedEvent
    UNENCRYPTED = "unencrypted"  # UnencryptedEvent
    SDES_KEYS = "sdeskeys"  # SdesKeysEvent
    PEER_CERTIFICATE = "peercertificate"  # PeerCertificateEvent
    PHRASE = "phrase"  # PhraseEvent
    PHRASE_MESSAGE = "phrasemessage"  # PhraseMessageEvent


@dataclasses.dataclass(frozen=True, slots=True)
class TrackEvent:
    """The peer sends a track, or sends it again after it was held.

    Args:
        track: The track, the same one for the whole life of the receiver.
        receiver: The receiver of the track.
        transceiver: The transceiver of the receiver.
        streams: The ids of the MediaStreams of the track.
        resumed: Whether an event told of the track before: the peer held it meanwhile, and
            webrtc-pc section 4.4.1.5 fires `track` again; so it does where the track has come into
            another stream. What was done for the track stands.
        media_streams: The MediaStreams of the track, the same objects for the same ids.
    """

    track: ReceivedTrack
    receiver: RtpReceiver
    transceiver: RtpTransceiver
    streams: tuple[str, ...]
    resumed: bool = False
    media_streams: tuple[MediaStream, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DataChannelEvent:
    """The peer opened a data channel."""

    channel: DataChannel


@dataclass(frozen=True, slots=True)
class IceCandidateEvent:
    """A local candidate to signal to the peer; None when gathering has ended."""

    candidate: IceCandidate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IceCandidateErrorEvent:
    """A STUN or TURN server does not serve (W3C webrtc-pc section 4.8.2); others may.

    Args:
        address: Our address that the server was asked from, where it is one and known.
        port: Our port there, or None.
        url: The URL of the server as the configuration has it.
        errorCode: The STUN error code of the server, such as 401, 403 or 486; 701 where it could
            not be reached, or speaks a protocol that we do not speak.
        errorText: The reason phrase of the server, or what went wrong.
    """

    address: str | None
    port: int | None
    url: str
    errorCode: int
    errorText: str

    @classmethod
    def of(cls, failure: ServerFailure) -> Self:
        """Make the event for a server that does not serve."""
        address, port = failure.local or (None, None)
        return cls(
            address=address,
            port=port,
            url=failure.url,
            errorCode=failure.code,
            errorText=failure.text,
        )


@dataclass(frozen=True, slots=True)
class RekeyedEvent:
    """The keys of the connection have changed, or in `rekeyfailed` have not: `result` says why."""

    result: RekeyResult


@dataclass(frozen=True, slots=True)
class UnencryptedEvent:
    """Media is plain RTP from now on: `best_effort` allowed it, and the peer shows no keys.

    Args:
        mids: The m-sections that are concerned.
    """

    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SdesKeysEvent:
    """Media is SRTP with keys of signalling from now on: `sdes` allowed it, and no fingerprint is.

    Args:
        mids: The m-sections that are concerned.
    """

    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhraseEvent:
    """The phrase of the certificates in use is known: show it to people who can compare it."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class PhraseMessageEvent:
    """A message for the phrase, to be given to the peer's `add_phrase_message` by signalling."""

    message: str


class ConnectionEmitter(EventEmitter):
    """Calls the handlers of a `PeerConnection`.

    Coroutine handlers end with the connection, but for the one that closes it.
    """

    def __init__(self) -> None:
        super().__init__("PeerConnection", EventName, self._is_expected)
        self._ending = False

    def expect_end(self) -> None:
        """Prepare for the close that the present task asked for; a handler that did so lives on."""
        self._ending = True
        self.release(asyncio.current_task())

    def emit_channel(self, channel: DataChannel) -> None:
        """Call the handlers of `datachannel` now; the channel's `open` follows."""
        self.emit(EventName.DATA_CHANNEL, DataChannelEvent(channel))
        channel.announce_open()

    def _is_expected(self, error: BaseException) -> bool:
        """Tell whether a handler ends without a fault: with its track, or with the connection."""
        overtaken = self._ending and isinstance(error, InvalidStateError)
        return overtaken or isinstance(error, MediaStreamError)


class ForkEmitter(ConnectionEmitter):
    """Calls the handlers of a fork, whose first tracks may come before a program has the object.

    Events of a peer are kept until they have a handler; of each name at most 256.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, deque[tuple[object, ...]]] = {
            event: deque(maxlen=_MOST_KEPT)
            for event in (EventName.TRACK, EventName.DATA_CHANNEL, EventName.UNENCRYPTED)
        }

    def on(self, event: str, handler: _H) -> _H:
        """Add a handler, and call it in the next turn of the loop with what was kept for it."""
        super().on(event, handler)
        loop = asyncio.get_running_loop()
        for arguments in self._kept.pop(event, ()):
            loop.call_soon(self.emit, event, *arguments)
            for argument in arguments:
                if isinstance(argument, DataChannelEvent):
                    loop.call_soon(argument.channel.announce_open)
        return handler

    def emit_channel(self, channel: DataChannel) -> None:
        """Call the handlers of `datachannel` now, or keep the channel, which opens with them."""
        if EventName.DATA_CHANNEL in self._kept:
            self.emit(EventName.DATA_CHANNEL, DataChannelEvent(channel))
        else:
            super().emit_channel(channel)

    def emit(self, event: str, *arguments: object) -> bool:
        """Call the handlers of an event now, or keep it."""
        kept = self._kept.get(event)
        if kept is not None:
            kept.append(arguments)
            return True
        return super().emit(event, *arguments)

    async def close(self) -> None:
        """Take every handler away, and cancel the coroutine handlers that run."""
        self._kept.clear()
        await super().close()
