"""Signalling of session descriptions and ICE candidates between two peers."""

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
