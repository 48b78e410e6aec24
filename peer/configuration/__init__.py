"""The choices of an application for a connection, as immutable values. PURE."""

from peer.configuration.peer_configuration import (
    AnswerRole,
    BundlePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    SdpLimits,
)

__all__ = [
    "AnswerRole",
    "BundlePolicy",
    "IceServer",
    "IceTransportPolicy",
    "PeerConfiguration",
    "SdpLimits",
]
