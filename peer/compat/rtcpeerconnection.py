"""aiortc's `RTCPeerConnection` on a `PeerConnection` of ours."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcconfiguration import RTCConfiguration
from aiortc.rtcpeerconnection import (
    and_direction,
    filter_preferred_codecs,
    find_common_codecs,
    find_common_header_extensions,
    is_codec_compatible,
    or_direction,
    reverse_direction,
)
from aiortc.rtcsessiondescription import RTCSessionDescription
from aiortc.sdp import DIRECTIONS
from aiortc.stats import RTCStatsReport
from pyee.asyncio import AsyncIOEventEmitter

from peer.compat.candidates import to_ours
from peer.compat.data_channel import ConnectionDataChannel
from peer.compat.errors import (
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    aiortc_errors,
)
from peer.compat.peer_adapter import AdaptedPeer
from peer.compat.transceivers import ConnectionTransceiver
from peer.compat.transport_objects import TransportObjects
from peer.compat.written_order import in_aiortc_order
from peer.descriptions import SdpType, SessionDescription
from peer.errors import CandidateError
from peer.runtime.forgotten import where_made

if TYPE_CHECKING:
    from aiortc.rtcdatachannel import RTCDataChannel
    from aiortc.rtcicetransport import RTCIceCandidate
    from aiortc.rtcrtpreceiver import RTCRtpReceiver
    from aiortc.rtcrtpsender import RTCRtpSender
    from aiortc.rtcrtptransceiver import RTCRtpTransceiver
    from aiortc.rtcsctptransport import RTCSctpTransport

    from peer.connection import PeerConnection
    from peer.events import DataChannelEvent, TrackEvent

__all__ = [
    "RTCPeerConnection",
    "and_direction",
    "filter_preferred_codecs",
    "find_common_codecs",
    "find_common_header_extensions",
    "is_codec_compatible",
    "or_direction",
    "reverse_direction",
]

#: The name that aiortc's log has for this module: programs set levels and look for lines by it.
_logger = logging.getLogger("aiortc.rtcpeerconnection")

MEDIA_KINDS = ("audio", "video")
#: Candidates of the peer that wait for its description (ours); aiortc hands them to ICE at once.
_MOST_EARLY_CANDIDATES = 128


class RTCPeerConnection(AsyncIOEventEmitter):
    """A connection to one peer, with the manners of aiortc 1.16.

    Events: `track` (the track), `datachannel` (the channel), `signalingstatechange`,
    `icegatheringstatechange`, `iceconnectionstatechange`, `connectionstatechange`. The state names
    are aiortc's: neither state is ever `disconnected`, and ICE is `completed` where a pair is
    nominated. Where the peer closes, the connection closes itself.

    Args:
        configuration: ICE servers and policies; aiortc's default STUN server where it names none.

    Raises:
        ValueError: The URL of a server cannot be used.
    """

    def __init__(self, configuration: RTCConfiguration | None = None) -> None:
        super().__init__()
        self.__configuration = configuration or RTCConfiguration()
        with aiortc_errors():
            origin = where_made(self, inspect.currentframe())
            self.__peer = AdaptedPeer(self.__configuration, origin)
        self.__transceivers: list[ConnectionTransceiver] = []
        self.__transports = TransportObjects(self.__peer, self.__configuration.bundlePolicy)
        self.__early_candidates: deque[RTCIceCandidate | None] = deque(
            maxlen=_MOST_EARLY_CANDIDATES
        )
        #: The description created last, by its type: as programs see it, and ours.
        self.__created: dict[str, tuple[str, SessionDescription]] = {}
        self.__states = self.__peer.present_states()
        self.__closing: asyncio.Task[None] | None = None
        peer = self.__peer
        peer.on("track", self.__on_track)
        peer.on("datachannel", self.__on_channel)
        peer.on("signalingstatechange", self.__on_signaling_state)
        peer.on("icegatheringstatechange", self.__on_state)
        peer.on("iceconnectionstatechange", self.__on_state)
        peer.on("connectionstatechange", self.__on_state)
        peer.on_nominated(self.__on_state)

    def __repr__(self) -> str:
        return f"<RTCPeerConnection of {self.__peer!r}>"

    @property
    def peer(self) -> PeerConnection:
        """The connection of ours below: keys, statistics and states that aiortc has no name for."""
        return self.__peer

    @property
    def connectionState(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        return self.__states["connectionstatechange"]

    @property
    def iceConnectionState(self) -> str:
        """`new`, `checking`, `completed`, `failed` or `closed`."""
        return self.__states["iceconnectionstatechange"]

    @property
    def iceGatheringState(self) -> str:
        """`new`, `gathering` or `complete`."""
        return self.__states["icegatheringstatechange"]

    @property
    def signalingState(self) -> str:
        """`stable`, `have-local-offer`, `have-remote-offer` or `closed`, and provisional ones."""
        return self.__peer.signalingState.value

    @property
    def localDescription(self) -> RTCSessionDescription:
        """Our description with all candidates; None before there is one, as in aiortc."""
        found = self.__peer.localDescription
        if found is None:
            return None  # type: ignore[return-value]  # None, as in aiortc
        return _presented(found)

    @property
    def remoteDescription(self) -> RTCSessionDescription:
        """The description of the peer; None before there is one, as in aiortc."""
        found = self.__peer.remoteDescription
        if found is None:
            return None  # type: ignore[return-value]  # None, as in aiortc
        return RTCSessionDescription(sdp=found.sdp, type=found.type.value)

    @property
    def sctp(self) -> RTCSctpTransport | None:
        """The transport of the data channels; None without any."""
        return self.__transports.sctp

    async def addIceCandidate(self, candidate: RTCIceCandidate | None) -> None:
        """Add a candidate of the peer; None means that no more will come.

        One that comes before the peer's description waits for it. One that belongs to no m-section,
        or to none any more, is passed over with a warning in the log.

        Raises:
            ValueError: It names no m-section.
        """
        if candidate is not None and candidate.sdpMid is None and candidate.sdpMLineIndex is None:
            raise ValueError("Candidate must have either sdpMid or sdpMLineIndex")
        if self.__peer.remoteDescription is None:
            _logger.warning("RTCPeerConnection addIceCandidate called without remote description")
            self.__early_candidates.append(candidate)
            return
        await self.__add_candidate(candidate)

    def addTrack(self, track: MediaStreamTrack) -> RTCRtpSender:
        """Send a track from the next negotiation on.

        Raises:
            InvalidStateError: The connection is closed.
            InvalidAccessError: The connection sends the track already.
            InternalError: The track is neither audio nor video.
        """
        self.__check_open()
        self.__check_kind(track.kind)
        self.__check_unused(track)
        for transceiver in self.__live():
            if transceiver.kind == track.kind and transceiver.is_free:
                self.__peer.reuse(transceiver.control, track)
                return transceiver.sender
        return self.__new_transceiver(track.kind, track, "sendrecv").sender

    def addTransceiver(
        self, trackOrKind: str | MediaStreamTrack, direction: str = "sendrecv"
    ) -> RTCRtpTransceiver:
        """Add a transceiver, which asks for an m-section in the next offer.

        Raises:
            InvalidStateError: The connection is closed.
            InvalidAccessError: The connection sends the track already.
            InternalError: The kind is neither audio nor video, or there is no such direction.
        """
        self.__check_open()
        track = trackOrKind if isinstance(trackOrKind, MediaStreamTrack) else None
        kind = trackOrKind.kind if isinstance(trackOrKind, MediaStreamTrack) else trackOrKind
        self.__check_kind(kind)
        if direction not in DIRECTIONS:
            raise InternalError(f'Invalid direction "{direction}"')
        if track is not None:
            self.__check_unused(track)
        return self.__new_transceiver(kind, track, direction)

    async def close(self) -> None:
        """Close the connection, and take all event handlers away after the last event."""
        await self.__peer.close()
        self.__on_state()
        self.__transports.close()
        self.remove_all_listeners()

    async def createOffer(self) -> RTCSessionDescription:
        """Create an offer of all transceivers and data channels.

        Raises:
            InvalidStateError: The connection is closed, or an offer of the peer waits.
        """
        self.__check_open()
        if self.__configuration.alwaysNegotiateDataChannels:
            self.__transports.request_data()
        with aiortc_errors():
            return self.__create(await self.__peer.createOffer())

    async def createAnswer(self) -> RTCSessionDescription:
        """Create an answer to the peer's offer.

        Raises:
            InvalidStateError: The connection is closed, or there is no offer to answer.
        """
        self.__check_open()
        if self.signalingState not in ("have-remote-offer", "have-local-pranswer"):
            raise InvalidStateError(
                f'Cannot create answer in signaling state "{self.signalingState}"'
            )
        with aiortc_errors():
            return self.__create(await self.__peer.createAnswer())

    def createDataChannel(
        self,
        label: str,
        maxPacketLifeTime: int | None = None,
        maxRetransmits: int | None = None,
        ordered: bool = True,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,  # noqa: A002 - W3C name
    ) -> RTCDataChannel:
        """Create a data channel.

        Raises:
            ValueError: The arguments contradict each other, or are out of their range.
            InvalidStateError: The connection is closed.
        """
        if maxPacketLifeTime is not None and maxRetransmits is not None:
            raise ValueError("Cannot specify both maxPacketLifeTime and maxRetransmits")
        if negotiated and (id is None or not 0 <= id <= 65_534):
            raise ValueError(
                "ID must be in range 0-65534 if data channel is negotiated out-of-band"
            )
        with aiortc_errors():
            channel = self.__peer.createDataChannel(
                label,
                ordered=ordered,
                maxPacketLifeTime=maxPacketLifeTime,
                maxRetransmits=maxRetransmits,
                protocol=protocol,
                negotiated=negotiated,
                id=id,
            )
        return ConnectionDataChannel(channel, self.__transports.made_sctp())

    def getReceivers(self) -> list[RTCRtpReceiver]:
        """Return the receivers, in the order of `getTransceivers`."""
        return [transceiver.receiver for transceiver in self.__transceivers]

    def getSenders(self) -> list[RTCRtpSender]:
        """Return the senders, in the order of `getTransceivers`."""
        return [transceiver.sender for transceiver in self.__transceivers]

    async def getStats(self) -> RTCStatsReport:
        """Return the statistics of all senders and receivers; `peer.getStats()` has more."""
        merged = RTCStatsReport()
        for sender in self.getSenders():
            merged.update(await sender.getStats())
        for receiver in self.getReceivers():
            merged.update(await receiver.getStats())
        return merged

    def getTransceivers(self) -> list[RTCRtpTransceiver]:
        """Return the transceivers in the order of their creation, those that were stopped too."""
        return list(self.__transceivers)

    async def setLocalDescription(
        self, sessionDescription: RTCSessionDescription | None = None
    ) -> None:
        """Apply our description, and wait until all candidates are gathered.

        Args:
            sessionDescription: Of `createOffer` or `createAnswer`; None for what the signalling
                state asks for.

        Raises:
            InvalidStateError: The description does not fit the signalling state.
            ValueError: The description was changed in what cannot be changed.
            ConnectionError: No socket could be bound.
        """
        self.__check_open()
        if sessionDescription is None:
            waiting = self.signalingState == "have-remote-offer"
            sessionDescription = await (self.createAnswer() if waiting else self.createOffer())
        kind, text = sessionDescription.type, sessionDescription.sdp
        self.__check_turn(kind, ours=True)
        presented, created = self.__created.get(kind, (None, None))
        with aiortc_errors():
            if created is not None and text == presented:
                description = created
            elif kind == "rollback":
                description = SessionDescription("", SdpType.ROLLBACK)
            else:
                description = self.__peer.changed(SdpType(kind), text)
            await self.__peer.setLocalDescription(description)
            self.__synchronize()
            if kind != "rollback":
                await self.__peer.gathering_complete()

    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None:
        """Apply the peer's description; nothing changes where that cannot be done.

        Raises:
            InvalidStateError: The description does not fit the signalling state.
            ValueError: The description cannot be accepted.
        """
        kind = sessionDescription.type
        self.__check_turn(kind, ours=False)
        with aiortc_errors():
            description = SessionDescription(sessionDescription.sdp, SdpType(kind))
            await self.__peer.setRemoteDescription(description)
            self.__synchronize()
            while self.__early_candidates:
                await self.__add_candidate(self.__early_candidates.popleft())

    def __live(self) -> list[ConnectionTransceiver]:
        return [each for each in self.__transceivers if not each.stopped]

    def __new_transceiver(
        self, kind: str, track: MediaStreamTrack | None, direction: str
    ) -> ConnectionTransceiver:
        with aiortc_errors():
            self.__peer.add(kind, track, direction)
        self.__synchronize()
        return self.__transceivers[-1]

    def __synchronize(self) -> None:
        """Have an object for each transceiver and transport that ours has."""
        known = {id(each.ours) for each in self.__transceivers}
        for control in self.__peer.controls:
            if id(control.transceiver) not in known:
                made = ConnectionTransceiver(control, self.__transports)
                self.__transceivers.append(made)
                self.__transports.add(made)
        self.__transports.refresh()

    async def __add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        try:
            with aiortc_errors():
                await self.__peer.addIceCandidate(None if candidate is None else to_ours(candidate))
        except ValueError as error:
            if not isinstance(error.__cause__, CandidateError):
                raise
            _logger.warning("RTCPeerConnection() a candidate is passed over: %s", error)

    def __create(self, description: SessionDescription) -> RTCSessionDescription:
        found = _presented(description)
        self.__created[found.type] = (found.sdp, description)
        return found

    def __check_open(self) -> None:
        if self.signalingState == "closed":
            raise InvalidStateError("RTCPeerConnection is closed")

    def __check_kind(self, kind: str) -> None:
        if kind not in MEDIA_KINDS:
            raise InternalError(f'Invalid track kind "{kind}"')

    def __check_unused(self, track: MediaStreamTrack) -> None:
        if any(sender.track is track for sender in self.getSenders()):
            raise InvalidAccessError("Track already has a sender")

    def __check_turn(self, kind: str, *, ours: bool) -> None:
        """Raise aiortc's error where an offer or an answer is not due.

        Raises:
            InvalidStateError: The signalling state asks for something else.
        """
        side, other = ("local", "remote") if ours else ("remote", "local")
        due = {
            "offer": ("stable", f"have-{side}-offer"),
            "answer": (f"have-{other}-offer", f"have-{side}-pranswer"),
        }
        if kind in due and self.signalingState not in due[kind]:
            raise InvalidStateError(
                f'Cannot handle {kind} in signaling state "{self.signalingState}"'
            )

    def __on_track(self, event: TrackEvent) -> None:
        self.__synchronize()
        found = next(each for each in self.__transceivers if each.ours is event.transceiver)
        if found.announce(self.__peer.track_id(event.transceiver)):
            self.emit("track", event.track)

    def __on_channel(self, event: DataChannelEvent) -> None:
        self.emit(
            "datachannel", ConnectionDataChannel(event.channel, self.__transports.made_sctp())
        )

    def __on_signaling_state(self) -> None:
        self.__synchronize()
        self.emit("signalingstatechange")

    def __on_state(self) -> None:
        before, self.__states = self.__states, self.__peer.present_states()
        self.__transports.refresh()
        for event, state in self.__states.items():
            if before[event] != state:
                self.emit(event)
        if self.__peer.peer_has_closed and self.__closing is None:
            # As in aiortc: the end of all DTLS associations is the end of the connection.
            self.__closing = asyncio.get_running_loop().create_task(self.close())


def _presented(description: SessionDescription) -> RTCSessionDescription:
    return RTCSessionDescription(sdp=in_aiortc_order(description.sdp), type=description.type.value)
