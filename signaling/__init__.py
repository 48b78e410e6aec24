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
from signaling.memory import channel_pair
from signaling.messages import (
    Answer,
    Bye,
    Candidate,
    Description,
    Error,
    Offer,
    PeerMessage,
    ProvisionalAnswer,
)
from signaling.negotiator import Negotiator
from signaling.room import PeerChannel, Room
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
    "Error",
    "ErrorCode",
    "InsecureUrlError",
    "JoinError",
    "MessageError",
    "NegotiationError",
    "Negotiator",
    "Offer",
    "PeerChannel",
    "PeerMessage",
    "ProvisionalAnswer",
    "Reconnect",
    "Room",
    "SignalingError",
    "WebSocketChannel",
    "channel_pair",
    "connect",
    "join",
]
