"""Effects by which negotiation changes transports and media, as values.

Transports are named by their keys, ICE generations by our username fragment, associations by their
number in the transport, and transceivers by their keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.ice import CandidateFields, IceParameters, WithoutIce
    from peer.identity.fingerprints import Fingerprint
    from peer.rtp_parameters import ReceiveParameters, SendParameters
    from peer.srtp_keys import SrtpMasterKeys
    from peer.states import DtlsRole, IceRole


@dataclass(frozen=True, slots=True)
class OpenTransport:
    """Open sockets for a transport and gather candidates; may fail."""

    key: str
    local: IceParameters


@dataclass(frozen=True, slots=True)
class OpenGeneration:
    """Open sockets for a new ICE generation beside the present one; may fail."""

    key: str
    local: IceParameters


@dataclass(frozen=True, slots=True)
class Listen:
    """Be ready for a ClientHello: the peer may begin the handshake before it answers.

    Args:
        fingerprints: Fingerprints of the certificate to show.
        generation: Our username fragment in the ICE generation to shake hands on, which the same
            offer asks for; None for the path in use.
    """

    key: str
    association: int
    fingerprints: tuple[Fingerprint, ...]
    generation: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectIce:
    """Check the paths of an ICE generation of which both ends are known.

    Args:
        generation: Our username fragment in the ICE generation.
        is_new_peer: Another peer has taken the place of the former one, and `role` is by this
            exchange: what was agreed with the former one is not known to it.
        is_answerer: We answered, so that the peer may learn of our credentials much later.
        if_followed: The peer may not take part in this generation: wait for a sign that it does.
    """

    key: str
    generation: str
    remote: IceParameters
    role: IceRole
    is_new_peer: bool = False
    is_answerer: bool = False
    if_followed: bool = False


@dataclass(frozen=True, slots=True)
class ConnectWithoutIce:
    """Use a path to a peer without ICE, or take the address that it now describes.

    Args:
        generation: Our username fragment, which names the sockets.
        peer: Where the peer receives.
        is_client: We are the DTLS client, who goes there and nowhere else.
        keeps_association: The same exchange asks for no new association, though the address may
            be another one.
    """

    key: str
    generation: str
    peer: WithoutIce
    is_client: bool
    keeps_association: bool


@dataclass(frozen=True, slots=True)
class ConnectDtls:
    """Shake hands for an association of which both ends are known, and compare fingerprints.

    Args:
        fingerprints: Fingerprints of the certificate to show.
        peer_may_keep: The peer may keep its association and never shake hands for this one.
        is_answerer: We answered, so that the peer may learn of our fingerprints much later.
        generation: As in `Listen`.
    """

    key: str
    association: int
    fingerprints: tuple[Fingerprint, ...]
    role: DtlsRole
    remote_fingerprints: tuple[Fingerprint, ...]
    peer_may_keep: bool
    is_answerer: bool = False
    generation: str | None = None


@dataclass(frozen=True, slots=True)
class SendUnencrypted:
    """Let media flow as plain RTP, as offer and answer agree; until then a transport has none."""

    key: str


@dataclass(frozen=True, slots=True)
class UseSdesKeys:
    """Let media flow under the keys of SDES on which offer and answer agree (RFC 4568)."""

    key: str
    keys: SrtpMasterKeys


@dataclass(frozen=True, slots=True)
class ExpectKeys:
    """Take a handshake of the peer where media is plain RTP, or take it for a downgrade.

    Args:
        expected: Our pending offer has keys, so that the peer may begin before it answers.
    """

    key: str
    expected: bool


@dataclass(frozen=True, slots=True)
class DropAssociation:
    """Drop an association that was taken back, or that the peer did not take up."""

    key: str
    association: int


@dataclass(frozen=True, slots=True)
class DropGeneration:
    """Drop an ICE generation that was taken back, or that the peer did not follow."""

    key: str
    generation: str


@dataclass(frozen=True, slots=True)
class AddCandidates:
    """Add candidates of the peer to an ICE generation; `complete` when no more will come."""

    key: str
    generation: str
    candidates: tuple[CandidateFields, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """Close a transport that carries nothing any more."""

    key: str


@dataclass(frozen=True, slots=True)
class CreateTransceiver:
    """Create a transceiver that a remote offer made."""

    transceiver: int


@dataclass(frozen=True, slots=True)
class ConfigureRtp:
    """Set the parameters by which a transceiver sends and receives; None for not at all.

    `agreed` has those of both ways, whatever the direction: programs ask for them.
    """

    transceiver: int
    transport: str
    send: SendParameters | None
    receive: ReceiveParameters | None
    agreed: tuple[SendParameters, ReceiveParameters]


@dataclass(frozen=True, slots=True)
class UseEncodings:
    """Have the sender of a transceiver show the encodings of these RIDs; none for one without."""

    transceiver: int
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopTransceiver:
    """Stop a transceiver whose m-section was taken away, or that a rollback removed.

    Args:
        transceiver: Its key.
        leaves: Take it away from the connection as well; where the peer's offer has rejected its
            m-section, it goes with the answer (webrtc-pc section 4.4.1.5).
    """

    transceiver: int
    leaves: bool = True


@dataclass(frozen=True, slots=True)
class AnnounceTrack:
    """Fire `track` for a transceiver on which the peer now sends."""

    transceiver: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectData:
    """Start SCTP for the data channels over a transport, or take what the peer now says of it.

    Args:
        transport: The key of the transport.
        remote_port: The SCTP port of the peer.
        remote_max_message_size: In bytes; 0 for no limit.
        is_new_peer: Another peer has taken the place of the former one, and knows no channel.
    """

    transport: str
    remote_port: int
    remote_max_message_size: int
    is_new_peer: bool = False


@dataclass(frozen=True, slots=True)
class CloseData:
    """Close all data channels, because their m-section was rejected."""


#: Effects that are carried out before a plan is committed, because they can fail.
Preparation = OpenTransport | OpenGeneration

#: Effects on a transport that exists.
TransportEffect = (
    Listen
    | ConnectIce
    | ConnectWithoutIce
    | ConnectDtls
    | SendUnencrypted
    | UseSdesKeys
    | ExpectKeys
    | DropAssociation
    | DropGeneration
    | AddCandidates
)

Effect = (
    Preparation
    | TransportEffect
    | CloseTransport
    | CreateTransceiver
    | ConfigureRtp
    | UseEncodings
    | StopTransceiver
    | AnnounceTrack
    | ConnectData
    | CloseData
)
