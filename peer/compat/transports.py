"""The transports of a connection as aiortc's objects: `sender.transport`, `pc.sctp` and below.

Each is an instance of aiortc's class, with its state, events and values; the connection of ours
runs the transport behind it. Before negotiation a transport is `new`; BUNDLE lets several
m-sections have one, as in aiortc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from aiortc import clock
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import (
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
from aiortc.stats import RTCStatsReport, RTCTransportStats
from pyee.asyncio import AsyncIOEventEmitter

from peer.compat.candidates import to_aioice, to_aiortc
from peer.compat.errors import InvalidStateError
from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.sctp.transport import MAX_MESSAGE_SIZE, SCTP_PORT
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice import Candidate

    from peer.ice import CandidateFields
    from peer.runtime.peer_transport import PeerTransport
    from peer.transport.sctp.transport import DataTransport

#: The gathering states of an ICE transport, in the words of aiortc's `RTCIceGatherer`.
_GATHERER_STATES = {
    IceGatheringState.NEW: "new",
    IceGatheringState.GATHERING: "gathering",
    IceGatheringState.COMPLETE: "completed",
}
#: Streams of an SCTP association, as ours asks for (RFC 8831 section 6.2).
_MAX_CHANNELS = 65_535


class TransportSlot:
    """The transport of ours behind the objects of aiortc's, once there is one.

    Attributes:
        transport: The transport of the connection; None before negotiation.
        closed: Whether the connection was closed, or the transport bundled away.
    """

    def __init__(self) -> None:
        self.transport: PeerTransport | None = None
        self.closed = False

    @property
    def ice_state(self) -> str:
        """The state of ICE in aiortc's words: `completed` once a pair is nominated."""
        if self.closed:
            return "closed"
        return "new" if self.transport is None else ice_state_of(self.transport)

    @property
    def local_candidates(self) -> tuple[CandidateFields, ...]:
        """Our candidates so far."""
        if self.transport is None:
            return ()
        return self.transport.ice.gathered(self.transport.ice.local.username_fragment)[0]

    @property
    def dtls_state(self) -> str:
        """The state of DTLS."""
        if self.closed:
            return "closed"
        return "new" if self.transport is None else self.transport.states[1].value


def ice_state_of(transport: PeerTransport) -> str:
    """Return the state of ICE of a transport in aiortc's words.

    aiortc knows `new`, `checking`, `completed`, `failed` and `closed`: a pair that works and is not
    nominated yet is `checking`, and one that is silent for a moment stays `completed`.
    """
    state = transport.ice.state
    match state:
        case IceTransportState.CONNECTED:
            return "completed" if transport.ice.nominated else "checking"
        case IceTransportState.DISCONNECTED:
            return "completed"
        case _:
            return state.value


class ConnectionIceGatherer(RTCIceGatherer):
    """The candidates and credentials of one transport of a connection."""

    def __init__(self, slot: TransportSlot) -> None:
        AsyncIOEventEmitter.__init__(self)
        self._slot = slot
        self._last_state = self.state

    @property
    def state(self) -> str:
        """The state of gathering: `new`, `gathering` or `completed`."""
        transport = self._slot.transport
        return "new" if transport is None else _GATHERER_STATES[transport.gathering_state]

    async def gather(self) -> None:
        """Do nothing, as `setLocalDescription` gathers all candidates."""

    def getLocalCandidates(self) -> list[RTCIceCandidate]:
        """Return our candidates so far."""
        return [to_aiortc(fields) for fields in self._slot.local_candidates]

    def getLocalParameters(self) -> RTCIceParameters:
        """Return our ICE credentials; without values before negotiation."""
        transport = self._slot.transport
        if transport is None:
            return RTCIceParameters()
        local = transport.ice.local
        return RTCIceParameters(usernameFragment=local.username_fragment, password=local.password)

    def refresh(self) -> None:
        """Fire `statechange` where the state is another one."""
        if self._last_state != (state := self.state):
            self._last_state = state
            self.emit("statechange")


@dataclass(frozen=True, slots=True)
class SelectedCandidates:
    """The pair in use, by the names of aioice's `CandidatePair`."""

    local_candidate: Candidate
    remote_candidate: Candidate

    @property
    def component(self) -> int:
        """The component of the candidates."""
        return self.local_candidate.component

    @property
    def local_addr(self) -> tuple[str, int]:
        """The address of the local candidate."""
        return self.local_candidate.host, self.local_candidate.port

    @property
    def remote_addr(self) -> tuple[str, int]:
        """The address of the remote candidate."""
        return self.remote_candidate.host, self.remote_candidate.port


class IceConnectionView:
    """The names of aioice's `Connection` that programs read: candidates, and the nominated pair.

    Args:
        slot: The transport of ours.
    """

    def __init__(self, slot: TransportSlot) -> None:
        self._slot = slot

    @property
    def local_candidates(self) -> list[Candidate]:
        """The candidates of our end."""
        return [to_aioice(each) for each in self._slot.local_candidates]

    @property
    def remote_candidates(self) -> list[Candidate]:
        """The candidates of the peer."""
        transport = self._slot.transport
        remote = () if transport is None else transport.ice.remote_candidates
        return [to_aioice(each) for each in remote]

    @property
    def _nominated(self) -> dict[int, SelectedCandidates]:
        transport = self._slot.transport
        pair = None if transport is None else transport.ice.selected_pair
        if pair is None or self._slot.ice_state != "completed":
            return {}
        local, remote = (to_aioice(each) for each in pair)
        return {local.component: SelectedCandidates(local, remote)}


class ConnectionIceTransport(RTCIceTransport):
    """The ICE part of one transport of a connection."""

    def __init__(self, slot: TransportSlot) -> None:
        AsyncIOEventEmitter.__init__(self)
        self._slot = slot
        self._gatherer = ConnectionIceGatherer(slot)
        self._last_state = self.state

    @property
    def iceGatherer(self) -> RTCIceGatherer:
        """The gatherer of the transport."""
        return self._gatherer

    @property
    def role(self) -> str:
        """The role of our agent: `controlling` or `controlled`."""
        transport = self._slot.transport
        role = None if transport is None else transport.ice.role
        return (IceRole.CONTROLLED if role is None else role).value

    @property
    def state(self) -> str:
        """`new`, `checking`, `completed`, `failed` or `closed`."""
        return self._slot.ice_state

    @property
    def _connection(self) -> IceConnectionView:  # type: ignore[override]  # aiortc has a variable
        return IceConnectionView(self._slot)

    async def addRemoteCandidate(self, candidate: RTCIceCandidate | None) -> None:
        """Refuse a candidate, which a connection takes by `addIceCandidate`.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("takes candidates by addIceCandidate")

    def getRemoteCandidates(self) -> list[RTCIceCandidate]:
        """Return the candidates of the peer."""
        transport = self._slot.transport
        remote = () if transport is None else transport.ice.remote_candidates
        return [to_aiortc(fields) for fields in remote]

    @property
    def selected_pair(self) -> tuple[RTCIceCandidate, RTCIceCandidate] | None:
        """The local and the remote candidate in use; None before a check has succeeded."""
        transport = self._slot.transport
        pair = None if transport is None else transport.ice.selected_pair
        return None if pair is None else (to_aiortc(pair[0]), to_aiortc(pair[1]))

    async def start(self, remoteParameters: RTCIceParameters) -> None:
        """Refuse to start, as the connection starts its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("starts its transports by itself")

    async def stop(self) -> None:
        """Refuse to stop, as the connection stops its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("stops its transports by close")

    def refresh(self) -> None:
        """Fire `statechange` here and at the gatherer where a state is another one."""
        self._gatherer.refresh()
        if self._last_state != (state := self.state):
            self._last_state = state
            self.emit("statechange")


class ConnectionDtlsTransport(RTCDtlsTransport):
    """One transport of a connection: ICE below, media and data above."""

    def __init__(
        self, slot: TransportSlot, fingerprints: Callable[[], list[RTCDtlsFingerprint]]
    ) -> None:
        AsyncIOEventEmitter.__init__(self)
        self.slot = slot
        self._fingerprints = fingerprints
        self._ice = ConnectionIceTransport(slot)
        self._last_state = self.state
        self._stats_id = f"transport_{id(self)}"

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `closed` or `failed`."""
        return self.slot.dtls_state

    @property
    def transport(self) -> RTCIceTransport:
        """The ICE transport below."""
        return self._ice

    @property
    def _role(self) -> str:  # type: ignore[override]  # aiortc has a variable
        # aiortc's word for a role that is not agreed yet.
        transport = self.slot.transport
        role = None if transport is None else transport.secure.stats().role
        return "auto" if role is None else role.value

    def getLocalParameters(self) -> RTCDtlsParameters:
        """Return the fingerprints of the certificate that the connection shows."""
        return RTCDtlsParameters(fingerprints=self._fingerprints())

    async def start(self, remoteParameters: RTCDtlsParameters) -> None:
        """Refuse to start, as the connection starts its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("starts its transports by itself")

    async def stop(self) -> None:
        """Refuse to stop, as the connection stops its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("stops its transports by close")

    def _get_stats(self) -> RTCStatsReport:
        report = RTCStatsReport()
        transport = self.slot.transport
        secure = None if transport is None else transport.secure.stats()
        report.add(
            RTCTransportStats(
                timestamp=clock.current_datetime(),
                type="transport",
                id=self._stats_id,
                packetsSent=0 if secure is None else secure.packets_sent,
                packetsReceived=0 if secure is None else secure.packets_received,
                bytesSent=0 if secure is None else secure.bytes_sent,
                bytesReceived=0 if secure is None else secure.bytes_received,
                iceRole=self._ice.role,
                dtlsState=self.state,
            )
        )
        return report

    def refresh(self) -> None:
        """Fire `statechange` here and below where a state is another one."""
        self._ice.refresh()
        if self._last_state != (state := self.state):
            self._last_state = state
            self.emit("statechange")

    def end(self) -> None:
        """Take every handler away, here and below, after the last event."""
        for each in (self, self._ice, self._ice.iceGatherer):
            each.remove_all_listeners()


class ConnectionSctpTransport(RTCSctpTransport):
    """The data channels' transport of a connection."""

    def __init__(
        self, dtls: Callable[[], RTCDtlsTransport], data: Callable[[], DataTransport | None]
    ) -> None:
        AsyncIOEventEmitter.__init__(self)
        self._dtls = dtls
        self._data = data
        self.mid: str | None = None

    @property
    def is_server(self) -> bool:
        """True at the DTLS server, whose channels have odd ids."""
        return self.transport._role == "server"

    @property
    def maxChannels(self) -> int | None:
        """The channels that can be open at once; None before the association is there."""
        return _MAX_CHANNELS if self.state == "connected" else None

    @property
    def port(self) -> int:
        """The SCTP port at our end."""
        return SCTP_PORT

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected` or `closed`."""
        data = self._data()
        return "new" if data is None else data.state.value

    @property
    def transport(self) -> RTCDtlsTransport:
        """The DTLS transport below."""
        return self._dtls()

    @classmethod
    def getCapabilities(cls) -> RTCSctpCapabilities:
        """Return the largest message that we take."""
        return RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE_SIZE)

    def setTransport(self, transport: RTCDtlsTransport) -> None:
        """Refuse another transport, as the connection chooses it.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("chooses the transports of its media and data")

    async def start(self, remoteCaps: RTCSctpCapabilities | None, remotePort: int) -> None:
        """Refuse to start, as the connection starts its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("starts its transports by itself")

    async def stop(self) -> None:
        """Refuse to stop, as the connection stops its transports.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("stops its transports by close")


def _refuse(what: str) -> NoReturn:
    raise InvalidStateError(f"an RTCPeerConnection {what}")
