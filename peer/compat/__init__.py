"""aiortc's API on a `PeerConnection` of ours: `import peer.compat as aiortc`.

Programs that were written for aiortc 1.16 run on the connection of this project after one changed
import. Plain data, the SDP parser, the codecs and the transports that a program makes by itself
(ORTC) are aiortc's own classes; `RTCPeerConnection` and all that it makes are ours, and instances
of aiortc's classes. docs/COMPAT.md says what is the same, what is better and what differs.
"""

from __future__ import annotations

from aiortc import (
    AudioStreamTrack,
    InvalidAccessError,
    InvalidStateError,
    MediaStreamError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCCertificate,
    RTCConfiguration,
    RTCDataChannel,
    RTCDataChannelParameters,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
    RTCIceTransportPolicy,
    RTCInboundRtpStreamStats,
    RTCOutboundRtpStreamStats,
    RTCRemoteInboundRtpStreamStats,
    RTCRemoteOutboundRtpStreamStats,
    RTCRtcpParameters,
    RTCRtpCapabilities,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
    RTCRtpContributingSource,
    RTCRtpHeaderExtensionCapability,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpSynchronizationSource,
    RTCRtpTransceiver,
    RTCSctpCapabilities,
    RTCSctpTransport,
    RTCSessionDescription,
    RTCStatsReport,
    RTCTransportStats,
    VideoStreamTrack,
    __version__,
)

from peer.compat.installing import AiortcImportedError, install
from peer.compat.rtcpeerconnection import RTCPeerConnection
from peer.compat.same_modules import share_modules

__all__ = [
    "AiortcImportedError",
    "AudioStreamTrack",
    "InvalidAccessError",
    "InvalidStateError",
    "MediaStreamError",
    "MediaStreamTrack",
    "RTCBundlePolicy",
    "RTCCertificate",
    "RTCConfiguration",
    "RTCDataChannel",
    "RTCDataChannelParameters",
    "RTCDtlsFingerprint",
    "RTCDtlsParameters",
    "RTCDtlsTransport",
    "RTCIceCandidate",
    "RTCIceGatherer",
    "RTCIceParameters",
    "RTCIceServer",
    "RTCIceTransport",
    "RTCIceTransportPolicy",
    "RTCInboundRtpStreamStats",
    "RTCOutboundRtpStreamStats",
    "RTCPeerConnection",
    "RTCRemoteInboundRtpStreamStats",
    "RTCRemoteOutboundRtpStreamStats",
    "RTCRtcpParameters",
    "RTCRtpCapabilities",
    "RTCRtpCodecCapability",
    "RTCRtpCodecParameters",
    "RTCRtpContributingSource",
    "RTCRtpHeaderExtensionCapability",
    "RTCRtpHeaderExtensionParameters",
    "RTCRtpParameters",
    "RTCRtpReceiver",
    "RTCRtpSender",
    "RTCRtpSynchronizationSource",
    "RTCRtpTransceiver",
    "RTCSctpCapabilities",
    "RTCSctpTransport",
    "RTCSessionDescription",
    "RTCStatsReport",
    "RTCTransportStats",
    "VideoStreamTrack",
    "__version__",
    "install",
]

share_modules(__name__, globals())
