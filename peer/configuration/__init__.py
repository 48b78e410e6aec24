"""The choices of an application for a connection, as immutable values. PURE."""

from peer.configuration.peer_configuration import (
    AnswerRole,
    BundlePolicy,
    IcePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    RtcpMuxPolicy,
    SdpLimits,
)

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
