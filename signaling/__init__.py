"""Signalling of session descriptions and ICE candidates between two peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.lazy_names import lazy_names

if TYPE_CHECKING:
    from signaling.backoff import Reconnect
    from signaling.channel import Channel
    from signaling.errors import (
        ChannelClosed,
        ChannelLost,
        ConnectError,
        ErrorCode,
        InsecureUrlError,
        JoinError,
        MessageError,
        NegotiationError,
        SignalingError,
    )
    from signaling.forever import run_forever
    from signaling.joining import Joining
    from signaling.memory import channel_pair
    from signaling.messages import (
        Answer,
        Bye,
        Candidate,
        Description,
        Error,
        Invite,
        Offer,
        PeerMessage,
        ProvisionalAnswer,
    )
    from signaling.negotiator import Negotiator
    from signaling.opening import Opening
    from signaling.participant import Participant
    from signaling.peer_channel import PeerChannel
    from signaling.ringing import Ringing
    from signaling.ringing_device import DeviceState, RingingDevice
    from signaling.room import Room
    from signaling.room_events import (
        ParticipantLeft,
        RoomBack,
        RoomDataChannelEvent,
        RoomMessage,
        RoomTrackEvent,
    )
    from signaling.websocket import WebSocketChannel, connect, join

_HOMES = {
    "signaling.backoff": "Reconnect",
    "signaling.channel": "Channel",
    "signaling.errors": (
        "ChannelClosed ChannelLost ConnectError ErrorCode InsecureUrlError JoinError MessageError "
        "NegotiationError SignalingError"
    ),
    "signaling.forever": "run_forever",
    "signaling.joining": "Joining",
    "signaling.memory": "channel_pair",
    "signaling.messages": (
        "Answer Bye Candidate Description Error Invite Offer PeerMessage ProvisionalAnswer"
    ),
    "signaling.negotiator": "Negotiator",
    "signaling.opening": "Opening",
    "signaling.participant": "Participant",
    "signaling.peer_channel": "PeerChannel",
    "signaling.ringing": "Ringing",
    "signaling.ringing_device": "DeviceState RingingDevice",
    "signaling.room": "Room",
    "signaling.room_events": (
        "ParticipantLeft RoomBack RoomDataChannelEvent RoomMessage RoomTrackEvent"
    ),
    "signaling.websocket": "WebSocketChannel connect join",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "Answer",
    "Bye",
    "Candidate",
    "Channel",
    "ChannelClosed",
    "ChannelLost",
    "ConnectError",
    "Description",
    "DeviceState",
    "Error",
    "ErrorCode",
    "InsecureUrlError",
    "Invite",
    "JoinError",
    "Joining",
    "MessageError",
    "NegotiationError",
    "Negotiator",
    "Offer",
    "Opening",
    "Participant",
    "ParticipantLeft",
    "PeerChannel",
    "PeerMessage",
    "ProvisionalAnswer",
    "Reconnect",
    "Ringing",
    "RingingDevice",
    "Room",
    "RoomBack",
    "RoomDataChannelEvent",
    "RoomMessage",
    "RoomTrackEvent",
    "SignalingError",
    "WebSocketChannel",
    "channel_pair",
    "connect",
    "join",
    "run_forever",
]
