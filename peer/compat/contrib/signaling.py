"""The names of `aiortc.contrib.signaling`, which are aiortc's own."""

from aiortc.contrib.signaling import (
    BYE,
    BaseSignaling,
    CopyAndPasteSignaling,
    SignalingBye,
    TcpSocketSignaling,
    UnixSocketSignaling,
    add_signaling_arguments,
    create_signaling,
    object_from_string,
    object_to_string,
)

__all__ = [
    "BYE",
    "BaseSignaling",
    "CopyAndPasteSignaling",
    "SignalingBye",
    "TcpSocketSignaling",
    "UnixSocketSignaling",
    "add_signaling_arguments",
    "create_signaling",
    "object_from_string",
    "object_to_string",
]
