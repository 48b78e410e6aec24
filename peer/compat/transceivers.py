"""Senders, receivers and transceivers of a connection as aiortc's classes."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING, NoReturn, Protocol

from aiortc.codecs import HEADER_EXTENSIONS, get_capabilities
from aiortc.rtcrtpparameters import (
    ParametersDict,
    RTCRtcpFeedback,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
)
from aiortc.rtcrtpreceiver import (
    RemoteStreamTrack,
    RTCRtpContributingSource,
    RTCRtpReceiver,
    RTCRtpSynchronizationSource,
)
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtcrtptransceiver import RTCRtpTransceiver

from peer.compat.errors import InvalidStateError, aiortc_errors
from peer.compat.statistics import aiortc_report
from peer.rtp.inbound.received_track import ReceivedTrack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiortc.mediastreams import MediaStreamTrack
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
    from aiortc.stats import RTCStatsReport

    from peer.rtp.inbound.sources import RtpContributingSource
    from peer.rtp_parameters import Codec
    from peer.runtime.transceiver_control import TransceiverControl
    from peer.transceiver import RtpTransceiver


# What a connection gives is aiortc's `RemoteStreamTrack` to programs that ask.
RemoteStreamTrack.register(ReceivedTrack)


class TransceiverOwner(Protocol):
    """The connection of a transceiver, as this file sees it."""

    def of(self, transceiver: ConnectionTransceiver) -> RTCDtlsTransport:
        """Return the transport of a transceiver, which BUNDLE may change."""

    def section_of(self, mid: str | None) -> int | None:
        """Return the index of the m-section of a mid in the description, or None."""

    def stream_id(self) -> str:
        """Return the id of the MediaStream of all tracks."""


class ConnectionSender(RTCRtpSender):
    """The sending half of a transceiver.

    Args:
        control: The transceiver of ours.
        owner: The transceiver of aiortc's form.
    """

    def __init__(self, control: TransceiverControl, owner: ConnectionTransceiver) -> None:
        self._control = control
        self._owner = owner
        self._own_track_id = str(uuid.uuid4())

    @property
    def kind(self) -> str:
        """The kind of media, `audio` or `video`."""
        return self._control.transceiver.kind.value

    @property
    def track(self) -> MediaStreamTrack:
        """The track that is sent; None without one, as in aiortc, whatever its annotation says."""
        sender = self._control.transceiver.sender
        return sender.track  # type: ignore[return-value]  # None, as in aiortc

    @property
    def transport(self) -> RTCDtlsTransport:
        """The transport of the media."""
        return self._owner.transport

    @property
    def _ssrc(self) -> int:  # type: ignore[override]  # aiortc has a variable
        return self._control.transceiver.sender.ssrc

    @property
    def _rtx_ssrc(self) -> int:  # type: ignore[override]  # aiortc has a variable
        return self._control.transceiver.sender.rtx_ssrc

    @property
    def _track_id(self) -> str:  # type: ignore[override]  # aiortc has a variable
        track = self._control.transceiver.sender.track
        return self._own_track_id if track is None else track.id

    @property
    def _stream_id(self) -> str:  # type: ignore[override]  # aiortc has a variable
        return self._owner.connection.stream_id()

    def replaceTrack(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, without negotiation.

        Raises:
            ValueError: The track is of another kind.
        """
        with aiortc_errors():
            self._control.sender.set_track(track)

    def setTransport(self, transport: RTCDtlsTransport) -> None:
        """Refuse another transport, as the connection chooses it.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("chooses the transports of its media")

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Refuse to start, as the connection starts its senders.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("starts its senders by itself")

    async def stop(self) -> None:
        """Stop to send for good."""
        await self._control.sender.stop()

    async def getStats(self) -> RTCStatsReport:
        """Return the statistics of the stream and of its transport."""
        transport = self.transport
        report = aiortc_report(
            await self._control.transceiver.sender.getStats(),
            transport_id=transport._stats_id,
            owner=id(self),
            track_id=str(id(self.track)),
        )
        report.update(transport._get_stats())
        return report

    def __repr__(self) -> str:
        return f"<ConnectionSender of {self._control.transceiver.sender!r}>"


class ConnectionReceiver(RTCRtpReceiver):
    """The receiving half of a transceiver.

    Args:
        control: The transceiver of ours.
        owner: The transceiver of aiortc's form.
    """

    def __init__(self, control: TransceiverControl, owner: ConnectionTransceiver) -> None:
        self._control = control
        self._owner = owner
        #: Whether a description of the peer has told of the track.
        self.announced = False
        self._is_enabled = True

    @property
    def track(self) -> MediaStreamTrack:
        """The track of decoded frames; None before the peer sends one, as in aiortc."""
        return self._track  # type: ignore[return-value]  # None, as in aiortc

    @property
    def _track(self) -> MediaStreamTrack | None:  # type: ignore[override]  # aiortc has a variable
        return self._control.transceiver.receiver.track if self.announced else None

    @property
    def transport(self) -> RTCDtlsTransport:
        """The transport of the media."""
        return self._owner.transport

    @property
    def _enabled(self) -> bool:
        return self._is_enabled

    @_enabled.setter
    def _enabled(self, value: bool) -> None:
        # Programs drop what arrives so, and go on later; a description of the peer goes on as well.
        self._is_enabled = value
        control = self._control.receiver
        if control.started:
            control.update(control.parameters if value else None)

    def _stop_decoder(self) -> None:
        self._control.transceiver.receiver.track.stop()

    def setTransport(self, transport: RTCDtlsTransport) -> None:
        """Refuse another transport, as the connection chooses it.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("chooses the transports of its media")

    #: aiortc's name, which programs call to end a track.
    _RTCRtpReceiver__stop_decoder = _stop_decoder

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Refuse to start, as the connection starts its receivers.

        Raises:
            InvalidStateError: Always.
        """
        _refuse("starts its receivers by itself")

    async def stop(self) -> None:
        """Stop to receive for good; the track ends."""
        await self._control.receiver.stop()

    def getSynchronizationSources(self) -> list[RTCRtpSynchronizationSource]:
        """Return the SSRCs that sent within 10 seconds."""
        found = self._control.transceiver.receiver.getSynchronizationSources()
        return [
            RTCRtpSynchronizationSource(timestamp=_date(each), source=each.source) for each in found
        ]

    def getContributingSources(self) -> list[RTCRtpContributingSource]:
        """Return the sources that a mixer named within 10 seconds."""
        found = self._control.transceiver.receiver.getContributingSources()
        return [
            RTCRtpContributingSource(timestamp=_date(each), source=each.source) for each in found
        ]

    async def getStats(self) -> RTCStatsReport:
        """Return the statistics of the stream and of its transport."""
        transport = self.transport
        receiver = self._control.transceiver.receiver
        report = aiortc_report(
            await receiver.getStats(),
            transport_id=transport._stats_id,
            owner=id(self),
            track_id=str(id(receiver.track)),
        )
        report.update(transport._get_stats())
        return report

    def __repr__(self) -> str:
        return f"<ConnectionReceiver of {self._control.transceiver.receiver!r}>"


class ConnectionTransceiver(RTCRtpTransceiver):
    """A sender and a receiver that share an m-section.

    Args:
        control: The transceiver of ours.
        connection: Its connection.
    """

    def __init__(self, control: TransceiverControl, connection: TransceiverOwner) -> None:
        self.connection = connection
        self.control = control
        self._sender = ConnectionSender(control, self)
        self._receiver = ConnectionReceiver(control, self)
        self._preferred_codecs: list[RTCRtpCodecCapability] = []
        self._was_stopped = False
        # aiortc shows them after a stop as they were before it.
        self._direction: str | None = None
        self._current_direction: str | None = None
        self._mid: str | None = None

    @property
    def ours(self) -> RtpTransceiver:
        """The transceiver of ours."""
        return self.control.transceiver

    @property
    def kind(self) -> str:
        """The kind of media, `audio` or `video`."""
        return self.ours.kind.value

    @property
    def mid(self) -> str | None:
        """The name of the m-section; None before negotiation."""
        return self._mid or self.ours.mid

    @property
    def sender(self) -> RTCRtpSender:
        """The sending half of the transceiver."""
        return self._sender

    @property
    def receiver(self) -> RTCRtpReceiver:
        """The receiving half of the transceiver."""
        return self._receiver

    @property
    def is_free(self) -> bool:
        """True where the sender has no track."""
        return self.ours.sender.track is None

    @property
    def transport(self) -> RTCDtlsTransport:
        """The transport of the media."""
        return self.connection.of(self)

    @property
    def stopped(self) -> bool:
        """True once the transceiver was stopped."""
        return self._was_stopped or self.ours.stopped

    @property
    def direction(self) -> str:
        """The direction that the next offer or answer asks for."""
        return self._direction or self.ours.direction

    @direction.setter
    def direction(self, direction: str) -> None:
        with aiortc_errors():
            self.ours.direction = direction

    @property
    def currentDirection(self) -> str | None:
        """The direction that was agreed on last; None before an answer."""
        return self._current_direction if self._was_stopped else self.ours.currentDirection

    def setCodecPreferences(self, codecs: list[RTCRtpCodecCapability]) -> None:
        """Offer and accept these codecs only, in this order; an empty list is our own order.

        Args:
            codecs: Of `RTCRtpSender.getCapabilities`, or others that we have, such as VP9.

        Raises:
            ValueError: One of them is no codec that we have.
        """
        unique: list[RTCRtpCodecCapability] = []
        for codec in codecs:
            if codec not in unique:
                unique.append(codec)
        known = get_capabilities(self.kind).codecs
        try:
            with aiortc_errors():
                self.ours.setCodecPreferences(preferred_names(unique))
        except Exception as error:
            if all(codec in known for codec in unique):
                raise
            raise ValueError("Codec is not in capabilities") from error
        self._preferred_codecs = unique

    def announce(self, track_id: str | None) -> bool:
        """Show the receiver's track, under the id that the peer gives it.

        Returns:
            Whether it was not shown before.
        """
        is_new, self._receiver.announced = not self._receiver.announced, True
        track = self.ours.receiver.track
        if is_new and isinstance(track, ReceivedTrack):
            track.take_any_event()
        if is_new and track_id is not None:
            # aiortc's name, where it sets it as well.
            track._id = track_id
        return is_new

    async def stop(self) -> None:
        """Stop to send and receive for good."""
        if self.stopped:
            return
        self._direction, self._mid = self.ours.direction, self.ours.mid
        self._current_direction = self.ours.currentDirection
        self._was_stopped = True
        with aiortc_errors():
            await self.ours.stop()

    @property
    def _codecs(self) -> list[RTCRtpCodecParameters]:
        return [_parameters(codec) for codec in self.ours.receiver.getParameters().codecs]

    @_codecs.setter
    def _codecs(self, codecs: list[RTCRtpCodecParameters]) -> None:
        # aiortc numbers codecs anew in each offer, and programs put back what was agreed on.
        if codecs != self._codecs:
            raise ValueError(
                "the codecs of a transceiver are those agreed on: setCodecPreferences changes them"
            )

    @property
    def _headerExtensions(self) -> list[RTCRtpHeaderExtensionParameters]:
        agreed = self.ours.receiver.getParameters().headerExtensions
        if not agreed:
            return list(HEADER_EXTENSIONS[self.kind])
        return [RTCRtpHeaderExtensionParameters(id=each.id, uri=each.uri) for each in agreed]

    @_headerExtensions.setter
    def _headerExtensions(self, extensions: list[RTCRtpHeaderExtensionParameters]) -> None:
        if extensions != self._headerExtensions:
            raise ValueError("the header extensions of a transceiver are those agreed on")

    def _get_mline_index(self) -> int | None:
        return self.connection.section_of(self.mid)

    def __repr__(self) -> str:
        return f"<ConnectionTransceiver of {self.ours!r}>"


def preferred_names(codecs: Iterable[RTCRtpCodecCapability]) -> Sequence[str]:
    """Name codecs of aiortc's as ours are named: MIME types with what tells formats apart."""
    return [_preference(codec) for codec in codecs if codec.name.lower() != "rtx"]


def _preference(codec: RTCRtpCodecCapability) -> str:
    pairs = (f"{name}={value}" for name, value in codec.parameters.items())
    return ";".join((codec.mimeType, *pairs))


def _parameters(codec: Codec) -> RTCRtpCodecParameters:
    parameters: ParametersDict = {
        name: int(value) if name == "apt" and value is not None else value
        for name, value in codec.parameters
    }
    return RTCRtpCodecParameters(
        mimeType=codec.mimeType,
        clockRate=codec.clock_rate,
        channels=codec.channels,
        payloadType=codec.payload_type,
        rtcpFeedback=[
            RTCRtcpFeedback(type=each.type, parameter=each.parameter) for each in codec.feedback
        ],
        parameters=parameters,
    )


def _date(source: RtpContributingSource) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(source.timestamp / 1000, tz=datetime.UTC)


def _refuse(what: str) -> NoReturn:
    raise InvalidStateError(f"an RTCPeerConnection {what}")
