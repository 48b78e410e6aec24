"""Defines every exception that `peer` raises on purpose.

Errors of aiortc, aioice, OpenSSL and the operating system are translated into these once, where
they arise.

::

    PeerError
    ├── LocalError                    your program asked for something that cannot be
    │   ├── InvalidStateError         not in this signalling state, or the connection is closed
    │   ├── InvalidAccessError        this object belongs to another connection, or is in use
    │   ├── InvalidModificationError  a description, or a configuration, cannot be changed so
    │   ├── ConfigurationError        a configuration value is out of its range
    │   │   └── CredentialsError      a TURN server lacks its credentials; an InvalidAccessError too
    │   ├── InsecureSignalingError    keys of SDES would go over signalling that is not protected
    │   ├── MessageSizeError          a message is larger than the peer takes
    │   └── BufferFullError           a data channel holds as much unsent data as it may
    ├── RemoteError                   what the peer sent cannot be accepted
    │   ├── DescriptionError          a session description; `line` and `line_number` say where
    │   │   ├── SdpSyntaxError        a line is malformed
    │   │   ├── SdpLimitError         a bound of `SdpLimits` is exceeded
    │   │   ├── SetupError            `a=setup` is missing or contradicts the offer (RFC 5763 5)
    │   │   ├── FingerprintError      `a=fingerprint` is missing, malformed or too weak (RFC 8122)
    │   │   ├── ModificationError     a later description changes what cannot be changed
    │   │   └── DowngradeError        it asks for weaker keys than there were before
    │   ├── CandidateError            an ICE candidate
    │   │   └── StaleCandidateError   one of an ICE generation that was left
    │   ├── IdentityError             the signature of a description is missing or wrong
    │   └── PhraseError               the peer's part in a phrase is not what it was committed to
    ├── TransportError                the network or the handshake failed
    │   ├── IceError                  no path to the peer
    │   │   ├── PortRangeError        every port of `PeerConfiguration.port_range` is in use
    │   │   └── OnePortError          `PeerConfiguration.one_port` cannot be bound
    │   ├── DtlsError                 no secure association with the peer
    │   │   └── PeerTrustError        the peer is not the one that it has to be, or may be anybody
    │   └── SctpError                 the data channels ended with their SCTP association
    ├── TrustStoreError               the store of known peers cannot be read or written
    └── TraceFileError                a saved trace cannot be read; `line_number` says where

A `LocalError` and a `RemoteError` leave the connection exactly as it was.
"""

from __future__ import annotations

from enum import StrEnum

from peer.printable import printable, without_secrets


class PeerError(Exception):
    """The base class of every exception that this package raises on purpose."""


class LocalError(PeerError):
    """The program asked for something that is not possible; the connection is as it was."""


class InvalidStateError(LocalError):
    """The operation does not fit the present state."""


class InvalidAccessError(LocalError):
    """The object belongs to another connection, or is in use already."""


class InvalidModificationError(LocalError):
    """Something cannot be changed: a description that was created, a value of a configuration."""


class ConfigurationError(LocalError):
    """A configuration value is out of its range."""


class InsecureSignalingError(LocalError):
    """A description has SRTP keys (SDES), and nothing says that signalling keeps them secret."""


class CredentialsError(ConfigurationError, InvalidAccessError):
    """A TURN server of the configuration lacks a username or a credential that can be used."""


class MessageSizeError(LocalError):
    """A message is larger than the peer takes, or than a data channel can hold."""


class BufferFullError(LocalError):
    """A data channel holds as much unsent data as it may: go on when `bufferedamountlow` fires."""


class RemoteError(PeerError):
    """The peer sent something that cannot be accepted; the connection is as it was."""


class DescriptionError(RemoteError):
    """A session description cannot be accepted.

    Attributes:
        reason: One sentence, without the place.
        line: The offending line as it was received, or None where a line is missing.
        line_number: The number of that line in the description, counted from 1, or None.
        mid: The mid of the m-section with that line, or None.
    """

    def __init__(
        self,
        reason: str,
        *,
        line: str | None = None,
        line_number: int | None = None,
        mid: str | None = None,
    ) -> None:
        # Words of the peer may be in it, which must not reach a terminal or a log as they are.
        self.reason = printable(reason)
        self.line = line
        self.line_number = line_number
        self.mid = mid
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = [f"line {self.line_number}"] if self.line_number is not None else []
        if self.mid is not None:
            place.append(f"m-section {self.mid!r}")
        quoted = "" if self.line is None else f": {_shorten(without_secrets(self.line))!r}"
        return f"{self.reason} ({', '.join(place)}{quoted})" if place or quoted else self.reason


class SdpSyntaxError(DescriptionError):
    """A line of a session description is malformed."""


class SdpLimitError(DescriptionError):
    """A bound on the size of a description is exceeded."""


class SetupError(DescriptionError):
    """`a=setup` is missing where it is required, or contradicts the offer."""


class FingerprintError(DescriptionError):
    """`a=fingerprint` is missing, malformed or uses too weak a hash."""


class ModificationError(DescriptionError):
    """A later description changes what cannot be changed."""


class DowngradeError(DescriptionError):
    """A description asks for weaker keys than the connection, or the peer, has had before."""


class CandidateError(RemoteError):
    """An ICE candidate is malformed or belongs to no m-section.

    Attributes:
        reason: One sentence.
        candidate: The candidate line as it was received.
    """

    def __init__(self, reason: str, *, candidate: str = "") -> None:
        self.reason = printable(reason)
        self.candidate = candidate
        quoted = f": {_shorten(candidate)!r}" if candidate else ""
        super().__init__(f"{self.reason}{quoted}")


class StaleCandidateError(CandidateError):
    """An ICE candidate belongs to an ICE generation that no description in force has.

    An ICE restart can overtake candidates of the generation before it, which are of no use then.
    """


class IdentityFault(StrEnum):
    """Kind of fault of a signature, after the responses of RFC 8224 section 6.2.2."""

    #: There is none, and there has to be one.
    MISSING = "missing"
    #: It is too old, or from the future.
    STALE = "stale"
    #: The credential that it names cannot be had.
    UNREACHABLE = "unreachable"
    #: Its signer, or the authority above, is not trusted here.
    UNTRUSTED = "untrusted"
    #: It is malformed, does not hold, is for somebody else, or does not cover the description.
    INVALID = "invalid"


class IdentityError(RemoteError):
    """A description is not signed as it has to be; the connection is as it was.

    Attributes:
        fault: Kind of the fault.
    """

    def __init__(self, reason: str, fault: IdentityFault = IdentityFault.INVALID) -> None:
        self.fault = fault
        super().__init__(reason)


class PhraseError(RemoteError):
    """The peer's part in a phrase is missing, or not the one that it was committed to."""


class TransportError(PeerError):
    """The network or the handshake failed."""


class IceError(TransportError):
    """ICE found no path to the peer, or lost it for good."""


class PortRangeError(IceError):
    """Every port of `PeerConfiguration.port_range` is in use; the connection is as it was.

    Attributes:
        port_range: The first and the last port of the range.
        address: The local address on which none of them could be bound.
    """

    def __init__(
        self, port_range: tuple[int, int], *, address: str, reason: str, protocol: str = "UDP"
    ) -> None:
        self.port_range = port_range
        self.address = address
        first, last = port_range
        super().__init__(
            f"no {protocol} port of port_range ({first}, {last}) is free on {address}: {reason}"
        )


class OnePortError(IceError):
    """The port of `PeerConfiguration.one_port` cannot be bound; the connection is as it was.

    Attributes:
        port: The port.
        address: The local address on which it could not be bound.
    """

    def __init__(self, port: int, *, address: str, reason: str, protocol: str = "UDP") -> None:
        self.port = port
        self.address = address
        super().__init__(
            f"{protocol} port {port} of one_port cannot be bound on {address}: {reason}"
        )


class DtlsError(TransportError):
    """No DTLS association with the peer came about, or it was lost.

    Attributes:
        errorDetail: `fingerprint-failure` where the certificate is not the one that was signalled,
            else `dtls-failure` (W3C webrtc-pc section 9.3.2).
    """

    errorDetail = "dtls-failure"


class PeerTrustError(DtlsError):
    """The peer is not the one that it has to be, or nothing says who it is.

    Attributes:
        reason: One sentence.
        name: The name that the peer has to have, or None.
    """

    def __init__(self, reason: str, *, name: str | None = None) -> None:
        self.reason = printable(reason)
        self.name = name
        super().__init__(self.reason)


class SctpError(TransportError):
    """The SCTP association has ended, and its data channels with it.

    Attributes:
        errorDetail: `sctp-failure` (W3C webrtc-pc section 9.3.2).
        sctpCauseCode: The error cause of the peer's ABORT (RFC 9260 section 3.3.10), or None.
    """

    errorDetail = "sctp-failure"

    def __init__(self, reason: str, *, sctpCauseCode: int | None = None) -> None:
        self.sctpCauseCode = sctpCauseCode
        super().__init__(reason)


class TrustStoreError(PeerError):
    """The store of known peers cannot be read or written; nobody is trusted for that."""


class TraceFileError(PeerError):
    """A saved trace cannot be read.

    Attributes:
        reason: The reason why the line is no event.
        line_number: The number of the line in the file, counted from 1.
    """

    def __init__(self, reason: str, *, line_number: int) -> None:
        self.reason = reason
        self.line_number = line_number
        super().__init__(f"line {line_number} of the trace: {reason}")


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
