"""Defines the states of W3C webrtc-pc, each a string as well: `== "connected"` holds. PURE."""

from __future__ import annotations

from enum import StrEnum


class SignalingState(StrEnum):
    """The state of the offer/answer exchange (W3C webrtc-pc section 4.3.1)."""

    STABLE = "stable"
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    HAVE_LOCAL_PRANSWER = "have-local-pranswer"
    HAVE_REMOTE_PRANSWER = "have-remote-pranswer"
    CLOSED = "closed"


class ConnectionState(StrEnum):
    """The state of ICE and DTLS over all transports (W3C webrtc-pc section 4.3.3)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceConnectionState(StrEnum):
    """The state of ICE over all transports (W3C webrtc-pc section 4.3.4)."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceGatheringState(StrEnum):
    """The state of candidate gathering over all transports (W3C webrtc-pc section 4.3.2)."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


class IceTransportState(StrEnum):
    """The state of one ICE transport (W3C webrtc-pc section 5.6.2)."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class DtlsTransportState(StrEnum):
    """The state of one DTLS transport (W3C webrtc-pc section 5.5.1)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class SctpTransportState(StrEnum):
    """The state of the SCTP transport (W3C webrtc-pc section 6.1.2), and `new` before it begins."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class DataChannelState(StrEnum):
    """The state of a data channel (W3C webrtc-pc section 6.2)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class MediaEncryption(StrEnum):
    """Protection of the media of one transport, as offer and answer agree on it."""

    DTLS_SRTP = "dtls-srtp"
    #: SRTP with keys that signalling carries (RFC 4568): whoever reads it can listen.
    SDES_SRTP = "sdes-srtp"
    NONE = "none"


class IceRole(StrEnum):
    """The role of an ICE agent (RFC 8445 section 6.1.1)."""

    CONTROLLING = "controlling"
    CONTROLLED = "controlled"


class DtlsRole(StrEnum):
    """The role in a DTLS handshake: the client sends the ClientHello (RFC 5763 section 5)."""

    CLIENT = "client"
    SERVER = "server"
