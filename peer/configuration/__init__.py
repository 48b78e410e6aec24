"""The choices of an application for a connection, as immutable values. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.lazy_names import lazy_names

if TYPE_CHECKING:
    from peer.configuration.ice_server import IceServer
    from peer.configuration.peer_configuration import (
        AnswerRole,
        BundlePolicy,
        IcePolicy,
        IceTransportPolicy,
        PeerConfiguration,
        RtcpMuxPolicy,
        SdpLimits,
    )

_HOMES = {
    "peer.configuration.ice_server": "IceServer",
    "peer.configuration.peer_configuration": (
        "AnswerRole BundlePolicy IcePolicy IceTransportPolicy PeerConfiguration RtcpMuxPolicy "
        "SdpLimits"
    ),
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "AnswerRole",
    "BundlePolicy",
    "IcePolicy",
    "IceServer",
    "IceTransportPolicy",
    "PeerConfiguration",
    "RtcpMuxPolicy",
    "SdpLimits",
]
