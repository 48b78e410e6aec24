"""Values of handfast as JavaScript has them, and back: the names of the W3C for ours."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from peer import errors
from peer.configuration import IceServer, PeerConfiguration
from peer.descriptions import SessionDescription
from peer.ice import IceCandidate
from peer.rtp_parameters import Codec, HeaderExtension

if TYPE_CHECKING:
    Json = Any

#: Classes of handfast, by name so that one that does not exist yet is no error.
INTERFACES: Mapping[str, str] = {
    "PeerConnection": "RTCPeerConnection",
    "RtpSender": "RTCRtpSender",
    "RtpReceiver": "RTCRtpReceiver",
    "RtpTransceiver": "RTCRtpTransceiver",
    "DataChannel": "RTCDataChannel",
    "DtmfSender": "RTCDTMFSender",
    "Certificate": "RTCCertificate",
    "IceCandidate": "RTCIceCandidate",
    "IceTransport": "RTCIceTransport",
    "DtlsTransport": "RTCDtlsTransport",
    "SctpTransport": "RTCSctpTransport",
    "MediaStreamTrack": "MediaStreamTrack",
    "MediaStream": "MediaStream",
}

#: Errors of handfast by the names of `DOMException`, the first that fits.
_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (errors.InvalidStateError, "InvalidStateError"),
    (errors.InvalidAccessError, "InvalidAccessError"),
    (errors.InvalidModificationError, "InvalidModificationError"),
    (errors.MessageSizeError, "TypeError"),
    (errors.BufferFullError, "OperationError"),
    (errors.CandidateError, "OperationError"),
    (errors.DescriptionError, "InvalidAccessError"),
    (errors.PeerError, "OperationError"),
    (TypeError, "TypeError"),
    (ValueError, "TypeError"),
    (AttributeError, "TypeError"),
)
#: A `ConfigurationError` by the operation that raises it: webrtc-pc has a name for each.
_CONFIGURATION: Mapping[str, str] = {
    "setParameters": "RangeError",
    "jitterBufferTarget": "RangeError",
    "addTransceiver": "RangeError",
    "insertDTMF": "InvalidCharacterError",
    "setConfiguration": "SyntaxError",
    "RTCPeerConnection": "SyntaxError",
    "generateCertificate": "NotSupportedError",
}


def error_value(error: BaseException, operation: str) -> Json:
    """Name an error as the W3C does.

    Args:
        error: The exception.
        operation: The W3C name of the method or attribute that raised it.
    """
    message = str(error) or type(error).__name__
    if isinstance(error, errors.SdpSyntaxError):
        detail = {"errorDetail": "sdp-syntax-error", "sdpLineNumber": error.line_number}
        return {"name": "RTCError", "message": message, "detail": detail}
    # An error may say itself what the W3C calls it.
    name = getattr(error, "dom_name", None)
    if name is None and operation == "addTransceiver":
        name = _of_encodings(error, message)
    if name is None:
        name = _of_configuration(error, operation, message)
    if name is None and isinstance(error, errors.CredentialsError):
        name = "InvalidAccessError"
    if name is None and isinstance(error, errors.ConfigurationError):
        name = _CONFIGURATION.get(operation, "TypeError")
    if name is None:
        name = next((name for kind, name in _NAMES if isinstance(error, kind)), "UnknownError")
    return {"name": name, "message": message}


def _of_encodings(error: BaseException, message: str) -> str | None:
    """Name the error of an encoding in addTransceiver (webrtc-pc section 5.1)."""
    if isinstance(error, errors.InvalidAccessError):
        return "OperationError"
    is_rid = isinstance(error, errors.ConfigurationError) and " rid" in message
    return "TypeError" if is_rid else None


def _of_configuration(error: BaseException, operation: str, message: str) -> str | None:
    """Name the error of an octet (Web IDL), or of the id of a data channel."""
    if operation == "createDataChannel" and isinstance(error, errors.InvalidAccessError):
        return "OperationError"
    # An octet, and an enumeration that has `require` alone (Web IDL).
    is_web_idl = message.startswith(("iceCandidatePoolSize", "rtcp_mux"))
    return "TypeError" if is_web_idl else None


class Objects:
    """The objects of handfast that one page knows, each by its number."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._held: list[Any] = []

    def number(self, held: Any) -> int:
        """Return the number of an object, which lives as long as the page from now on."""
        found = self._numbers.get(id(held))
        if found is None:
            found = self._numbers[id(held)] = len(self._held)
            self._held.append(held)
        return found

    def every(self) -> list[Any]:
        """Return all objects, the oldest first."""
        return list(self._held)

    def out(self, value: Any) -> Json:
        """Make a value for JavaScript: of JSON, with marks for what that does not have."""
        names = (each.__name__ for each in type(value).__mro__)
        name = next((each for each in names if each in INTERFACES), None)
        if name is not None:
            return {"$ref": self.number(value), "class": INTERFACES[name]}
        match value:
            case Mapping():
                return {str(key): self.out(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.out(each) for each in value]
            case SessionDescription() | Codec() | HeaderExtension() | Exception():
                return _named(value)
            case PeerConfiguration():
                return {**self._members(value), "rtcpMuxPolicy": value.rtcpMuxPolicy.value}
            case _ if dataclasses.is_dataclass(value):
                return self._members(value)
            case _:
                return _plain(value)

    def _members(self, value: Any) -> dict[str, Json]:
        members = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: self.out(each) for name, each in members if each is not None}

    def into(self, value: Json) -> Any:
        """Make a value of what JavaScript gave."""
        match value:
            case {"$ref": int(number)}:
                return self._held[number]
            case {"$bytes": str(octets)}:
                return octets.encode("latin-1")
            case dict():
                return {key: self.into(each) for key, each in value.items()}
            case list():
                return [self.into(each) for each in value]
            case _:
                return value


def _plain(value: object) -> Json:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"$number": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"$bytes": bytes(value).decode("latin-1")}
        case datetime.datetime():
            return value.timestamp() * 1000
        case _:
            raise TypeError(f"JavaScript has no {type(value).__name__}")


def _named(value: SessionDescription | Codec | HeaderExtension | Exception) -> Json:
    match value:
        case SessionDescription():
            init = {"type": value.type.value, "sdp": value.sdp}
            return {"$new": "RTCSessionDescription", "init": init}
        case Codec():
            return _codec(value)
        case HeaderExtension():
            return {"uri": value.uri, "id": value.id, "encrypted": False}
        case Exception():
            detail = getattr(value, "errorDetail", "sctp-failure")
            return {"$new": "RTCError", "init": {"errorDetail": detail}}


def _codec(codec: Codec) -> Json:
    """Name a codec as RTCRtpCodecParameters does."""
    found: dict[str, Json] = {"mimeType": codec.mimeType, "clockRate": codec.clock_rate}
    if codec.payload_type >= 0:
        found["payloadType"] = codec.payload_type
    if codec.channels is not None:
        found["channels"] = codec.channels
    if line := ";".join(k if v is None else f"{k}={v}" for k, v in codec.parameters):
        found["sdpFmtpLine"] = line
    return found


def ice_server(given: Mapping[str, Any]) -> IceServer:
    """Make a server of the members of an RTCIceServer."""
    names = ("urls", "username", "credential")
    return IceServer(**{name: given[name] for name in names if given.get(name) is not None})


def candidate(given: Mapping[str, Any]) -> IceCandidate:
    """Make a candidate of the members of an RTCIceCandidateInit."""
    return IceCandidate(**given)
