"""Owns the state names of W3C webrtc-pc. Each is a string as well, so `== "connected"` holds."""

from __future__ import annotations

from enum import StrEnum


class SignalingState(StrEnum):
    """Where the offer/answer exchange stands (W3C webrtc-pc section 4.3.1)."""

    STABLE = "stable"
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    HAVE_LOCAL_PRANSWER = "have-local-pranswer"
    HAVE_REMOTE_PRANSWER = "have-remote-pranswer"
    CLOSED = "closed"


class ConnectionState(StrEnum):
    """ICE and DTLS of all transports taken together (section 4.3.3)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceConnectionState(StrEnum):
    """ICE of all transports taken together (section 4.3.4)."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceGatheringState(StrEnum):
    """Gathering of all transports taken together (section 4.3.2)."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


class IceTransportState(StrEnum):
    """One ICE transport (section 5.6.2)."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class DtlsTransportState(StrEnum):
    """One secure transport (section 5.5.1)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class IceRole(StrEnum):
    """RFC 8445 section 6.1.1."""

    CONTROLLING = "controlling"
    CONTROLLED = "controlled"


class DtlsRole(StrEnum):
    """Who sends the ClientHello (RFC 5763 section 5)."""

    CLIENT = "client"
    SERVER = "server"
