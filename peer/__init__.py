"""A WebRTC peer connection: `PeerConnection`, the values it takes and gives, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.lazy_names import lazy_names

if TYPE_CHECKING:
    from peer.configuration import (
        AnswerRole,
        BundlePolicy,
        IcePolicy,
        IceServer,
        IceTransportPolicy,
        PeerConfiguration,
        RtcpMuxPolicy,
        SdpLimits,
    )
    from peer.configuration.candidate_filter import AddressKind, CandidateFilter
    from peer.configuration.sdes import Sdes
    from peer.configuration.sdp_leniency import SdpLeniency
    from peer.configuration.security_policy import BestEffort, EarlyMedia, SrtpProfile
    from peer.connection import PeerConnection
    from peer.descriptions import SdpType, SessionDescription
    from peer.errors import (
        BufferFullError,
        CandidateError,
        ConfigurationError,
        CredentialsError,
        DescriptionError,
        DowngradeError,
        DtlsError,
        FingerprintError,
        IceError,
        InsecureSignalingError,
        InvalidAccessError,
        InvalidModificationError,
        InvalidStateError,
        LocalError,
        MessageSizeError,
        ModificationError,
        OnePortError,
        PeerError,
        PortRangeError,
        RemoteError,
        SctpError,
        SdpLimitError,
        SdpSyntaxError,
        SetupError,
        StaleCandidateError,
        TransportError,
    )
    from peer.events import (
        DataChannelEvent,
        IceCandidateErrorEvent,
        IceCandidateEvent,
        RekeyedEvent,
        SdesKeysEvent,
        TrackEvent,
        UnencryptedEvent,
    )
    from peer.ice import IceCandidate, IceParameters
    from peer.identity.certificate import Certificate, KeyType
    from peer.identity.fingerprints import Fingerprint, HashFunction
    from peer.priority import Priority
    from peer.rekey.result import RekeyResult, RekeyStarter
    from peer.rtp.codec_capabilities import (
        RtpCodec,
        RtpHeaderExtensionCapability,
        RtpMediaCapabilities,
    )
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.encoded_track import EncodedTrack
    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.levels import AudioLevel
    from peer.rtp.media_stream import MediaStream, MediaStreamTrackEvent
    from peer.rtp.outbound.dtmf_sender import DtmfSender, ToneChangeEvent
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.send_parameters import (
        RtpEncodingOptions,
        RtpSendParameters,
        RtpSetParameterOptions,
    )
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp.sframe import SFrameReceiver, SFrameSender, SFrameSuite
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import Codec
    from peer.runtime.security import SecuritySummary, TransportSecurity
    from peer.srtp_keys import CryptoSuite
    from peer.states import (
        ConnectionState,
        DataChannelState,
        DtlsTransportState,
        IceConnectionState,
        IceGatheringState,
        IceRole,
        IceTransportState,
        MediaEncryption,
        SctpTransportState,
        SignalingState,
    )
    from peer.times import UnixTime
    from peer.transceiver import RtpTransceiver
    from peer.transport.sctp.transport import DataChannel
    from peer.transports import DtlsTransport, IceCandidatePair, IceTransport, SctpTransport

_HOMES = {
    "peer.configuration": (
        "AnswerRole BundlePolicy IcePolicy IceServer IceTransportPolicy PeerConfiguration "
        "RtcpMuxPolicy SdpLimits"
    ),
    "peer.configuration.candidate_filter": "AddressKind CandidateFilter",
    "peer.configuration.sdes": "Sdes",
    "peer.configuration.sdp_leniency": "SdpLeniency",
    "peer.configuration.security_policy": "BestEffort EarlyMedia SrtpProfile",
    "peer.connection": "PeerConnection",
    "peer.descriptions": "SdpType SessionDescription",
    "peer.errors": (
        "BufferFullError CandidateError ConfigurationError CredentialsError DescriptionError "
        "DowngradeError DtlsError FingerprintError IceError InsecureSignalingError "
        "InvalidAccessError InvalidModificationError InvalidStateError LocalError "
        "MessageSizeError ModificationError OnePortError PeerError PortRangeError RemoteError "
        "SctpError SdpLimitError SdpSyntaxError SetupError StaleCandidateError TransportError"
    ),
    "peer.events": (
        "DataChannelEvent IceCandidateErrorEvent IceCandidateEvent RekeyedEvent SdesKeysEvent "
        "TrackEvent UnencryptedEvent"
    ),
    "peer.ice": "IceCandidate IceParameters",
    "peer.identity.certificate": "Certificate KeyType",
    "peer.identity.fingerprints": "Fingerprint HashFunction",
    "peer.rtp.media_stream": "MediaStream MediaStreamTrackEvent",
    "peer.priority": "Priority",
    "peer.rekey.result": "RekeyResult RekeyStarter",
    "peer.rtp.codec_capabilities": "RtpCodec RtpHeaderExtensionCapability RtpMediaCapabilities",
    "peer.rtp.encoded_frame": "EncodedFrame",
    "peer.rtp.inbound.encoded_track": "EncodedTrack",
    "peer.rtp.inbound.receiver": "RtpReceiver",
    "peer.rtp.levels": "AudioLevel",
    "peer.rtp.outbound.dtmf_sender": "DtmfSender ToneChangeEvent",
    "peer.rtp.outbound.encodings": "RtpEncodingParameters",
    "peer.rtp.outbound.send_parameters": (
        "RtpEncodingOptions RtpSendParameters RtpSetParameterOptions"
    ),
    "peer.rtp.outbound.sender": "RtpSender",
    "peer.rtp.sframe": "SFrameReceiver SFrameSender SFrameSuite",
    "peer.rtp.tracks": "MediaStreamTrack",
    "peer.rtp_parameters": "Codec",
    "peer.runtime.security": "SecuritySummary TransportSecurity",
    "peer.srtp_keys": "CryptoSuite",
    "peer.states": (
        "ConnectionState DataChannelState DtlsTransportState IceConnectionState IceGatheringState "
        "IceRole IceTransportState MediaEncryption SctpTransportState SignalingState"
    ),
    "peer.times": "UnixTime",
    "peer.transceiver": "RtpTransceiver",
    "peer.transport.sctp.transport": "DataChannel",
    "peer.transports": "DtlsTransport IceCandidatePair IceTransport SctpTransport",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "AddressKind",
    "AnswerRole",
    "AudioLevel",
    "BestEffort",
    "BufferFullError",
    "BundlePolicy",
    "CandidateError",
    "CandidateFilter",
    "Certificate",
    "Codec",
    "ConfigurationError",
    "ConnectionState",
    "CredentialsError",
    "CryptoSuite",
    "DataChannel",
    "DataChannelEvent",
    "DataChannelState",
    "DescriptionError",
    "DowngradeError",
    "DtlsError",
    "DtlsTransport",
    "DtlsTransportState",
    "DtmfSender",
    "EarlyMedia",
    "EncodedFrame",
    "EncodedTrack",
    "Fingerprint",
    "FingerprintError",
    "HashFunction",
    "IceCandidate",
    "IceCandidateErrorEvent",
    "IceCandidateEvent",
    "IceCandidatePair",
    "IceConnectionState",
    "IceError",
    "IceGatheringState",
    "IceParameters",
    "IcePolicy",
    "IceRole",
    "IceServer",
    "IceTransport",
    "IceTransportPolicy",
    "IceTransportState",
    "InsecureSignalingError",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "KeyType",
    "LocalError",
    "MediaEncryption",
    "MediaStream",
    "MediaStreamTrack",
    "MediaStreamTrackEvent",
    "MessageSizeError",
    "ModificationError",
    "OnePortError",
    "PeerConfiguration",
    "PeerConnection",
    "PeerError",
    "PortRangeError",
    "Priority",
    "RekeyResult",
    "RekeyStarter",
    "RekeyedEvent",
    "RemoteError",
    "RtcpMuxPolicy",
    "RtpCodec",
    "RtpEncodingOptions",
    "RtpEncodingParameters",
    "RtpHeaderExtensionCapability",
    "RtpMediaCapabilities",
    "RtpReceiver",
    "RtpSendParameters",
    "RtpSender",
    "RtpSetParameterOptions",
    "RtpTransceiver",
    "SFrameReceiver",
    "SFrameSender",
    "SFrameSuite",
    "SctpError",
    "SctpTransport",
    "SctpTransportState",
    "Sdes",
    "SdesKeysEvent",
    "SdpLeniency",
    "SdpLimitError",
    "SdpLimits",
    "SdpSyntaxError",
    "SdpType",
    "SecuritySummary",
    "SessionDescription",
    "SetupError",
    "SignalingState",
    "SrtpProfile",
    "StaleCandidateError",
    "ToneChangeEvent",
    "TrackEvent",
    "TransportError",
    "TransportSecurity",
    "UnencryptedEvent",
    "UnixTime",
]
