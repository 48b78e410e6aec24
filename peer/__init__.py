"""A WebRTC peer connection: `PeerConnection`, the values it takes and gives, and its errors."""

from __future__ import annotations

from peer.candidates import IceCandidate
from peer.configuration import (
    AnswerRole,
    BundlePolicy,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    SdpLimits,
)
from peer.connection import PeerConnection
from peer.descriptions import SdpType, SessionDescription
from peer.errors import (
    CandidateError,
    ConfigurationError,
    DescriptionError,
    DtlsError,
    FingerprintError,
    IceError,
    InvalidAccessError,
    InvalidModificationError,
    InvalidStateError,
    LocalError,
    ModificationError,
    PeerError,
    RemoteError,
    SdpLimitError,
    SdpSyntaxError,
    SetupError,
    TransportError,
)
from peer.events import DataChannelEvent, IceCandidateEvent, TrackEvent
from peer.identity.certificate import Certificate
from peer.rtp.receiver import RtpReceiver
from peer.rtp.sender import RtpSender
from peer.rtp.tracks import MediaStreamTrack
from peer.states import (
    ConnectionState,
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    IceTransportState,
    SignalingState,
)
from peer.transceiver import RtpTransceiver
from peer.transport.sctp.transport import DataChannel

__all__ = [
    "AnswerRole",
    "BundlePolicy",
    "CandidateError",
    "Certificate",
    "ConfigurationError",
    "ConnectionState",
    "DataChannel",
    "DataChannelEvent",
    "DescriptionError",
    "DtlsError",
    "DtlsTransportState",
    "FingerprintError",
    "IceCandidate",
    "IceCandidateEvent",
    "IceConnectionState",
    "IceError",
    "IceGatheringState",
    "IceServer",
    "IceTransportPolicy",
    "IceTransportState",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "LocalError",
    "MediaStreamTrack",
    "ModificationError",
    "PeerConfiguration",
    "PeerConnection",
    "PeerError",
    "RemoteError",
    "RtpReceiver",
    "RtpSender",
    "RtpTransceiver",
    "SdpLimitError",
    "SdpLimits",
    "SdpSyntaxError",
    "SdpType",
    "SessionDescription",
    "SetupError",
    "SignalingState",
    "TrackEvent",
    "TransportError",
]
