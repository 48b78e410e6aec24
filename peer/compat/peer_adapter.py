"""A `PeerConnection` that negotiates with the manners of aiortc, for `RTCPeerConnection`."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import aioice.stun
from aiortc.rtcdtlstransport import RTCDtlsFingerprint

from peer.compat.configuration import offered_as_by_aiortc, peer_configuration
from peer.compat.negotiation import AdaptedOfferAnswer
from peer.compat.transports import ice_state_of
from peer.connection import PeerConnection
from peer.descriptions import SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp_parameters import MediaKind
from peer.states import DtlsTransportState, IceTransportState
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiortc.mediastreams import MediaStreamTrack
    from aiortc.rtcconfiguration import RTCConfiguration

    from peer.descriptions import SdpType
    from peer.runtime.peer_transport import PeerTransport
    from peer.runtime.transceiver_control import TransceiverControl
    from peer.transceiver import RtpTransceiver
    from peer.transport.sctp.transport import DataTransport

#: Seconds that a peer is waited for at least (ours): a handshake is part of them.
_SHORTEST_TIMEOUT = 5.0
#: An id that a description can have: msid-appdata (RFC 8830 section 2).
_TRACK_ID = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")


class AdaptedPeer(PeerConnection):
    """A connection that offers aiortc's codecs, and associates m-sections as aiortc does.

    Args:
        configuration: The configuration of aiortc's form.
        origin: The file and line of the program that made the connection.

    Raises:
        ConfigurationError: The URL of a server cannot be used.
    """

    def __init__(self, configuration: RTCConfiguration, origin: tuple[str, int]) -> None:
        ours = peer_configuration(configuration)
        super().__init__(replace(ours, connect_timeout=_transaction_timeout()))
        self._origin = origin
        profile = self._core.offer_answer.profile
        offered = offered_as_by_aiortc(profile.capabilities)
        self._offer_answer = AdaptedOfferAnswer(replace(profile, capabilities=offered))
        self._offer_answer.attest = self._core.identity.attest
        self._core.offer_answer = self._offer_answer
        self._nomination: asyncio.Task[None] | None = None
        self._on_nominated: Callable[[], None] = _do_nothing

    @property
    def controls(self) -> tuple[TransceiverControl, ...]:
        """The transceivers, in the order of their creation."""
        return tuple(self._core.executor.transceivers.values())

    @property
    def data(self) -> DataTransport | None:
        """The transport of the data channels; None without any."""
        return self._core.executor.data

    @property
    def data_mid(self) -> str | None:
        """The mid of the m-section of the data channels; None before negotiation."""
        data = self._core.session.data
        return None if data is None else data.mid

    @property
    def stream_id(self) -> str:
        """The id of the MediaStream of all tracks."""
        return self._stream

    @property
    def peer_has_closed(self) -> bool:
        """True once the peer has closed every DTLS association."""
        states = {transport.secure.state for transport in self._transports}
        return states == {DtlsTransportState.CLOSED} and not self._core.closed

    def fingerprints(self) -> list[RTCDtlsFingerprint]:
        """Return the fingerprints of the certificate that is shown."""
        return [
            RTCDtlsFingerprint(algorithm=each.algorithm, value=each.value)
            for each in self._core.session.fingerprints
        ]

    def transport_of(self, mid: str | None) -> tuple[str, PeerTransport] | None:
        """Return the transport of an m-section with its key; None before negotiation."""
        key = None if mid is None else self._core.session.route(mid)
        transport = None if key is None else self._core.executor.transports.get(key)
        return None if key is None or transport is None else (key, transport)

    def section_of(self, mid: str | None) -> int | None:
        """Return the index of the m-section of a mid, or None."""
        mids = [section.mid for section in self._core.session.layout]
        return mids.index(mid) if mid is not None and mid in mids else None

    def add(self, kind: str, track: MediaStreamTrack | None, direction: str) -> RtpTransceiver:
        """Add a transceiver, which a later offer of the peer may use as well, as in aiortc.

        JSEP keeps those of addTransceiver to m-sections of our own (RFC 9429 section 5.10).
        """
        self._core.check_open()
        state = self._core.offer_answer.add_transceiver(
            MediaKind(kind),
            origin=TransceiverOrigin.ADD_TRACK,
            direction=MediaDirection(direction),
            streams=(self._stream,),
            has_track=track is not None,
            track_id=_written_id(track),
        )
        return self._core.add_transceiver(state.key, track)

    def reuse(self, control: TransceiverControl, track: MediaStreamTrack) -> None:
        """Send a track by a transceiver without one, also where it has sent another before."""
        key = control.key
        state = self._core.transceiver_state(key)
        if state is None:
            raise AssertionError("a transceiver that has ended is not used again")
        control.sender.set_track(track)
        direction = MediaDirection.of(sends=True, receives=state.direction.receives)
        self._core.offer_answer.change_transceiver(
            key,
            direction=direction,
            streams=(self._stream,),
            has_track=True,
            track_id=_written_id(track),
        )

    def request_data(self) -> None:
        """Ask for the m-section of data channels, without a channel."""
        self._core.executor.data_transport()
        self._offer_answer.request_data_first()

    def changed(self, kind: SdpType, text: str) -> SessionDescription:
        """Return a description of ours that the program has changed, to be set.

        Raises:
            InvalidModificationError: What has changed cannot be.
        """
        return self._offer_answer.change_created(SessionDescription(text, kind))

    def track_id(self, transceiver: RtpTransceiver) -> str | None:
        """Return the id that the peer's description has for its track (RFC 8830 section 2)."""
        described = self._core.session.description(Side.REMOTE)
        section = None if described is None else described.sdp.section(transceiver.mid or "")
        if section is None:
            return None
        return next((each.track for each in section.msids if each.track is not None), None)

    def present_states(self) -> dict[str, str]:
        """Return the states by their events, in aiortc's words and in the order of its events."""
        if self._core.closed:
            ice = connection = "closed"
        else:
            ice = _ice_state(ice_state_of(each) for each in self._transports)
            dtls = [transport.states[1] for transport in self._transports]
            connection = _connection_state(ice, dtls)
            self._watch_nomination()
        return {
            "icegatheringstatechange": self.iceGatheringState.value,
            "iceconnectionstatechange": ice,
            "connectionstatechange": connection,
        }

    def on_nominated(self, handler: Callable[[], None]) -> None:
        """Call a handler when a pair is nominated, of which W3C's states do not tell."""
        self._on_nominated = handler

    @property
    def _transports(self) -> tuple[PeerTransport, ...]:
        return tuple(self._core.executor.transports.values())

    def _waits_for_nomination(self) -> bool:
        return any(
            each.ice.state is IceTransportState.CONNECTED and not each.ice.nominated
            for each in self._transports
        )

    def _watch_nomination(self) -> None:
        running = self._nomination is not None and not self._nomination.done()
        if not running and self._waits_for_nomination():
            self._nomination = asyncio.get_running_loop().create_task(self._await_nomination())

    async def _await_nomination(self) -> None:
        try:
            await self._core.wait_for(lambda: not self._waits_for_nomination())
        except InvalidStateError:
            return
        self._on_nominated()


def _ice_state(of_transports: Iterable[str]) -> str:
    """Derive the ICE state of a connection from those of its transports, as aiortc does."""
    states = {state for state in of_transports if state != "closed"}
    if "failed" in states:
        return "failed"
    if states == {"completed"}:
        return "completed"
    return "checking" if states - {"new"} else "new"


def _connection_state(ice: str, dtls: Iterable[DtlsTransportState]) -> str:
    """Derive the state of a connection as aiortc does: `connected` where ICE is `completed`."""
    states = set(dtls) - {DtlsTransportState.CLOSED}
    if ice == "failed" or DtlsTransportState.FAILED in states:
        return "failed"
    if ice == "new":
        return "new"
    return (
        "connected"
        if ice == "completed" and states <= {DtlsTransportState.CONNECTED}
        else "connecting"
    )


def _written_id(track: MediaStreamTrack | None) -> str | None:
    """Return the id of a track, where a description can have it."""
    return track.id if track is not None and _TRACK_ID.fullmatch(track.id) else None


def _transaction_timeout() -> float:
    """Return the seconds after which a check of aioice's has failed, and with it aiortc's ICE.

    Programs change aioice's values to give up earlier, or later.
    """
    lasting = float(aioice.stun.RETRY_RTO * (2 ** (aioice.stun.RETRY_MAX + 1) - 1))
    return max(lasting, _SHORTEST_TIMEOUT)


def _do_nothing() -> None:
    """Stand for a handler that is not there yet."""
