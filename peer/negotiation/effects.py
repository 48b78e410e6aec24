"""Owns the words in which negotiation asks something of the world: effects, as values.

Transports are named by their keys, ICE generations by our username fragment, and associations by
their number in the transport.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.candidates import CandidateFields
    from peer.ice_parameters import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.rtp_parameters import ReceiveParameters, SendParameters
    from peer.states import DtlsRole, IceRole


@dataclass(frozen=True, slots=True)
class OpenTransport:
    """Make sockets for a transport and start to gather. May fail."""

    key: str
    local: IceParameters


@dataclass(frozen=True, slots=True)
class OpenGeneration:
    """Make sockets for a new ICE generation beside the present one. May fail."""

    key: str
    local: IceParameters


@dataclass(frozen=True, slots=True)
class Listen:
    """Be ready for a ClientHello of an association: the peer may call before it answers.

    Args:
        fingerprints: Those of the certificate to show.
    """

    key: str
    association: int
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class ConnectIce:
    """Both ends of an ICE generation are known: check the paths.

    Args:
        generation: Our username fragment.
    """

    key: str
    generation: str
    remote: IceParameters
    role: IceRole


@dataclass(frozen=True, slots=True)
class ConnectDtls:
    """Both ends of an association are known: shake hands, compare the fingerprints.

    Args:
        fingerprints: Those of the certificate to show.
        peer_may_keep: The peer may keep its association and never shake hands for this one.
    """

    key: str
    association: int
    fingerprints: tuple[Fingerprint, ...]
    role: DtlsRole
    remote_fingerprints: tuple[Fingerprint, ...]
    peer_may_keep: bool


@dataclass(frozen=True, slots=True)
class DropAssociation:
    """An association was taken back before it was in use, or found not to be taken up."""

    key: str
    association: int


@dataclass(frozen=True, slots=True)
class DropGeneration:
    """An ICE generation was taken back, or the peer did not follow it."""

    key: str
    generation: str


@dataclass(frozen=True, slots=True)
class AddCandidates:
    """Hand the peer's candidates to an ICE generation; `complete` when no more will come."""

    key: str
    generation: str
    candidates: tuple[CandidateFields, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """The transport carries nothing any more."""

    key: str


@dataclass(frozen=True, slots=True)
class CreateTransceiver:
    """A remote offer made a transceiver."""

    transceiver: int


@dataclass(frozen=True, slots=True)
class ConfigureRtp:
    """Set how a transceiver sends and receives; None for not at all."""

    transceiver: int
    transport: str
    send: SendParameters | None
    receive: ReceiveParameters | None


@dataclass(frozen=True, slots=True)
class StopTransceiver:
    """It has ended: its m-section was taken away, or a rollback unmade it."""

    transceiver: int


@dataclass(frozen=True, slots=True)
class AnnounceTrack:
    """The peer sends now: fire `track`."""

    transceiver: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectData:
    """Start SCTP over a transport."""

    transport: str
    remote_port: int
    remote_max_message_size: int


@dataclass(frozen=True, slots=True)
class CloseData:
    """The data m-section was rejected: the channels close."""


#: What is done before a plan is committed, because it can fail.
Preparation = OpenTransport | OpenGeneration

#: What becomes of a transport that stands.
TransportEffect = (
    Listen | ConnectIce | ConnectDtls | DropAssociation | DropGeneration | AddCandidates
)

Effect = (
    Preparation
    | TransportEffect
    | CloseTransport
    | CreateTransceiver
    | ConfigureRtp
    | StopTransceiver
    | AnnounceTrack
    | ConnectData
    | CloseData
)
