"""SCTP association of aiortc with its data channels, which another association can take over.

An upgrade of aiortc fails first here, in `sctp_bounds.py` and in `sctp_sender.py`. The names are
pinned by version (`pyproject.toml`) and by
`tests/unit/transport/adapters/test_sctp_association.py`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    LOCAL_MAX_MESSAGE_SIZE,
    SCTP_TSN_MODULO,
    USERDATA_MAX_LENGTH,
    WEBRTC_DCEP,
    AbortChunk,
    HeartbeatChunk,
    RTCSctpCapabilities,
    ShutdownChunk,
)
from aiortc.utils import uint32_gte

from peer.errors import SctpError
from peer.states import DataChannelState
from peer.times import UnixTime
from peer.transport.adapters.coroutines import run_to_end
from peer.transport.adapters.data_channel import DataChannel
from peer.transport.adapters.sctp_channels import PayloadProtocol, SctpChannels, StreamId
from peer.transport.wire.dcep import (
    DataChannelOpen,
    MessageType,
    is_data_channel_open,
    parse_data_channel_open,
)
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import Chunk, RTCSctpTransport, SackChunk

#: Size in bytes of the largest message that we take, for `a=max-message-size` (aiortc's).
MAX_MESSAGE_SIZE = LOCAL_MAX_MESSAGE_SIZE
#: SCTP port of ours, for `a=sctp-port` (RFC 8841 section 5.1, as everybody).
SCTP_PORT = 5000
#: Data channels of one association; the peer's announcements beyond are refused (ours).
CHANNEL_LIMIT = 1024
#: Bytes of the labels and protocols of the peer's channels in all; announcements beyond are refused
#: (ours).
CHANNEL_TEXT_LIMIT = 1024 * 1024

# RFC 9260 section 3.3.5: one parameter, whose value only its sender understands.
_HEARTBEAT_INFO = (1, b"handfast")


class _NoTransport:
    """Stands in for the DTLS transport before there is one, and after it is gone."""

    state = "new"
    _role = "auto"

    async def _send_data(self, data: bytes) -> None:
        pass

    def _unregister_data_receiver(self, receiver: object) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SctpMessage:
    """Message on one stream: of a data channel, or about it (DCEP).

    Args:
        stream: Stream id, which is the id of the channel.
        protocol: Payload protocol identifier (RFC 8831 section 8).
        data: The payload.
        ordered: Deliver it after the messages before it.
        expiry: Time at which it is abandoned.
        max_retransmits: How often it may be sent after the first time.
    """

    stream: StreamId
    protocol: PayloadProtocol
    data: bytes
    ordered: bool = True
    expiry: UnixTime | None = None
    max_retransmits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """Fate so far of a message that the peer's cumulative acknowledgement does not cover.

    Args:
        message: The message.
        acknowledged: All of its chunks were acknowledged, by gap blocks.
        abandoned: It had reached one of its limits.
        transmissions: How often the chunk was sent that was sent most often.
    """

    message: SctpMessage
    acknowledged: bool = False
    abandoned: bool = False
    transmissions: int = 0


class _Outstanding(NamedTuple):
    """Message that the peer has not acknowledged as far as its last TSN."""

    first_tsn: int
    fragments: int
    message: SctpMessage

    @property
    def last_tsn(self) -> int:
        return (self.first_tsn + self.fragments - 1) % SCTP_TSN_MODULO


class SctpAssociation(SctpChannels):
    """SCTP association with the peer, and the data channels on it.

    If the peer restarts SCTP, another association takes the channels over.

    Args:
        on_close: Called once, when we or the peer have ended the association.
        on_established: Called once, before any message flows.
        initiates: Send an INIT, instead of waiting for that of a peer that restarts.

    Attributes:
        refused_channels: Announcements of the peer that were refused: beyond `CHANNEL_LIMIT` or
            `CHANNEL_TEXT_LIMIT`, malformed, or for the id of another channel.
    """

    def __init__(
        self,
        on_close: Callable[[], None],
        on_established: Callable[[], None] = lambda: None,
        *,
        initiates: bool = True,
    ) -> None:
        super().__init__(cast("RTCDtlsTransport", _NoTransport()), SCTP_PORT)
        self.__on_close = on_close
        self.__on_established = on_established
        self.__initiates = initiates
        self.__closed = False
        self.__outstanding: deque[_Outstanding] = deque()
        #: Streams of taken-over channels about which the peer has announced nothing yet.
        self.__taken_over: set[int] = set()
        #: Streams whose announcement is acknowledged by a message that waits in the queue.
        self.__acknowledging: set[StreamId] = set()
        #: Bytes of label and protocol of the channels of the peer.
        self.__texts: dict[StreamId, int] = {}
        self.__text_size = 0
        #: Why the association ends, for its channels; None where that is no failure.
        self.__failure: SctpError | None = SctpError("the peer does not answer any more")
        self.refused_channels = 0

    def __repr__(self) -> str:
        state, channels = self._association_state.name, len(self._data_channels)
        return f"<SctpAssociation {self.local_tag:08x} {state}, {channels} channels>"

    @property
    def established(self) -> bool:
        """True while messages can be sent and received."""
        return self._association_state == self.State.ESTABLISHED

    @property
    def local_tag(self) -> int:
        """Verification tag of the packets that the peer sends to this association."""
        return self._local_verification_tag

    def has_remote_tag(self, tag: int) -> bool:
        """Return True if the peer's verification tag is this one, or not known yet."""
        return not self.knows_the_peer or self._remote_verification_tag == tag

    def begin(
        self, dtls: RTCDtlsTransport, *, remote_port: int, remote_max_message_size: int
    ) -> None:
        """Open the association over a connected DTLS transport.

        Args:
            dtls: The DTLS transport; its role says which side uses even stream ids.
            remote_port: `a=sctp-port` of the peer.
            remote_max_message_size: `a=max-message-size` of the peer in bytes; 0 is no limit.
        """
        self.setTransport(dtls)
        self.take_role(is_server=self.is_server)
        run_to_end(self.start(RTCSctpCapabilities(remote_max_message_size), remote_port))

    def end(self, failure: SctpError | None = None) -> None:
        """Abort the association, unless it has ended.

        Args:
            failure: The `error` of its channels; None where we close it.
        """
        if not self.__closed:
            self.__failure = failure
            run_to_end(self.stop())

    def send_heartbeat(self) -> None:
        """Send a HEARTBEAT, which the peer answers (RFC 9260 section 8.3), once established."""
        if self.established:
            heartbeat = HeartbeatChunk()
            heartbeat.params.append(_HEARTBEAT_INFO)
            run_to_end(self._send_chunk(heartbeat))

    async def handle(self, packet: bytes) -> None:
        """Process a packet of the peer; raises any exception of aiortc about an unexpected one."""
        await self._handle_data(packet)

    # ---- Restart of the peer

    def take_over(self, old: SctpAssociation, resent: Sequence[SctpMessage]) -> None:
        """Continue the channels of an association that the peer has forgotten.

        Call it before any message flows: when this association is about to be established.

        Args:
            old: The association, which is discarded.
            resent: Its messages that are sent again, before any other.
        """
        self._data_channel_queue, old._data_channel_queue = old._data_channel_queue, deque()
        self._data_channels, old._data_channels = old._data_channels, {}
        self._unannounced, old._unannounced = old._unannounced, {}
        self.__acknowledging = old.__acknowledging
        self.__texts, self.__text_size = old.__texts, old.__text_size
        self.refused_channels += old.refused_channels
        self.refused_chunks += old.refused_chunks
        old.discard()
        self.__taken_over = set(self._data_channels)
        queued = (channel for channel, _, _ in self._data_channel_queue)
        # A channel that was not announced yet has no id.
        for channel in {*self._data_channels.values(), *queued}:
            cast("DataChannel", channel)._move_to(self)
        # Another DTLS association may have other roles.
        self.take_role(is_server=self.is_server)
        announced = {
            message.stream
            for message in resent
            if message.protocol == WEBRTC_DCEP and is_data_channel_open(message.data)
        }
        # A handler of `open` may add channels.
        for stream, channel in list(self._data_channels.items()):
            if stream not in announced:
                self.__continue(stream, cast("DataChannel", channel))
        for message in resent:
            self.__send_now(message)

    def sent_messages(self) -> Iterator[SentMessage]:
        """Iterate over the messages that are not acknowledged, oldest first."""
        chunks = {chunk.tsn: chunk for chunk in (*self._sent_queue, *self._outbound_queue)}
        for first, fragments, message in self.__outstanding:
            tsns = ((first + n) % SCTP_TSN_MODULO for n in range(fragments))
            known = [chunks[tsn] for tsn in tsns if tsn in chunks]
            yield SentMessage(
                message=message,
                acknowledged=bool(known) and all(chunk._acked for chunk in known),
                # aiortc forgets chunks that are acknowledged or abandoned; the former are not here.
                abandoned=not known or any(chunk._abandoned for chunk in known),
                transmissions=max((chunk._sent_count for chunk in known), default=0),
            )

    def discard(self) -> None:
        """End the association without a packet and without a callback."""
        self.__closed = True
        self.transport._unregister_data_receiver(self)
        self.setTransport(cast("RTCDtlsTransport", _NoTransport()))
        # Tasks of aiortc may still come to send, or to start a timer.
        self._sent_queue.clear()
        self._outbound_queue.clear()
        self._forward_tsn_chunk = None
        self._reconfig_queue = []
        self._set_state(self.State.CLOSED)

    def __continue(self, stream: int, channel: DataChannel) -> None:
        if channel.readyState is DataChannelState.CLOSING:
            # The peer has forgotten any reset (RFC 6525). Its own stream is as good as reset: what
            # it sends from now on begins anew.
            self._reconfig_queue.append(stream)
            self._data_channel_inbound_reset.add(stream)
        elif channel._is_announced_by_us and channel not in self._unannounced:
            # The peer has our announcement, as it is not resent; its answer is lost.
            channel._setReadyState(DataChannelState.OPEN)

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        await super()._receive_sack_chunk(chunk)
        while self.__outstanding and uint32_gte(
            self._last_sacked_tsn, self.__outstanding[0].last_tsn
        ):
            self.__outstanding.popleft()

    # ---- Channels

    async def _data_channel_receive(
        self, stream_id: StreamId, pp_id: PayloadProtocol, data: bytes
    ) -> None:
        if pp_id == WEBRTC_DCEP and is_data_channel_open(data):
            await self.__on_announcement(stream_id, data)
        else:
            await super()._data_channel_receive(stream_id, pp_id, data)

    async def __on_announcement(self, stream: int, message: bytes) -> None:
        announcement = parse_data_channel_open(message)
        known = cast("DataChannel | None", self._data_channels.get(stream))
        is_first = stream in self.__taken_over
        self.__taken_over.discard(stream)
        if announcement is None:
            self.refused_channels += 1
        elif known is not None and known._announcement() == announcement:
            # A peer that restarted may announce its channels again.
            await self.__acknowledge(known)
        elif known is None and len(self._data_channels) < CHANNEL_LIMIT:
            await self.__accept(stream, announcement, size=len(message))
        elif known is not None and is_first:
            # The peer has forgotten the channel, and opens another.
            self._data_channel_closed(stream)
            await self.__accept(stream, announcement, size=len(message))
        else:
            self.refused_channels += 1

    async def __accept(self, stream: int, announcement: DataChannelOpen, *, size: int) -> None:
        if self.__text_size + size > CHANNEL_TEXT_LIMIT:
            self.refused_channels += 1
            return
        self.__texts[stream] = size
        self.__text_size += size
        parameters = RTCDataChannelParameters(
            label=announcement.label,
            protocol=announcement.protocol,
            ordered=announcement.ordered,
            maxPacketLifeTime=announcement.max_packet_life_time,
            maxRetransmits=announcement.max_retransmits,
            id=stream,
        )
        channel = DataChannel(self, parameters, send_open=False, priority=announcement.priority)
        channel._open_for_peer()
        self._data_channels[stream] = channel
        await self.__acknowledge(channel)
        self.emit("datachannel", channel)

    async def __acknowledge(self, channel: DataChannel) -> None:
        stream = cast("StreamId", channel.id)
        if stream in self.__acknowledging:
            return
        self.__acknowledging.add(stream)
        self._data_channel_queue.append((channel, WEBRTC_DCEP, bytes([MessageType.ACK])))
        await self._data_channel_flush()

    def _data_channel_closed(self, stream_id: StreamId) -> None:
        self.__acknowledging.discard(stream_id)
        self.__text_size -= self.__texts.pop(stream_id, 0)
        super()._data_channel_closed(stream_id)

    def __send_now(self, message: SctpMessage) -> None:
        """Pass a message to SCTP, before those that wait in the queue of the channels."""
        run_to_end(
            self._send(
                message.stream,
                message.protocol,
                message.data,
                expiry=message.expiry,
                max_retransmits=message.max_retransmits,
                ordered=message.ordered,
            )
        )

    async def _send(
        self,
        stream_id: StreamId,
        pp_id: PayloadProtocol,
        user_data: bytes,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        ordered: bool = True,
    ) -> None:
        message = SctpMessage(
            stream=stream_id,
            protocol=pp_id,
            data=user_data,
            ordered=ordered,
            expiry=None if expiry is None else UnixTime(expiry),
            max_retransmits=max_retransmits,
        )
        fragments = -(-len(user_data) // USERDATA_MAX_LENGTH)
        self.__outstanding.append(_Outstanding(self._local_tsn, fragments, message))
        await super()._send(stream_id, pp_id, user_data, expiry, max_retransmits, ordered)
        if pp_id != WEBRTC_DCEP or (channel := self._data_channels.get(stream_id)) is None:
            return
        self.__acknowledging.discard(stream_id)
        # W3C webrtc-pc section 6.1.2: a channel is open when the association is; a message may
        # follow the announcement at once. Without order it might overtake it, so there the
        # acknowledgement is waited for (RFC 8832 section 6).
        if channel.ordered:
            channel._setReadyState(DataChannelState.OPEN)

    # ---- The end

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, AbortChunk):
            cause = next((code for code, _ in chunk.params), None)
            self.__failure = SctpError(
                "the peer has aborted the SCTP association", sctpCauseCode=cause
            )
        elif isinstance(chunk, ShutdownChunk):
            self.__failure = None
        await super()._receive_chunk(chunk)

    async def _init(self) -> None:
        if self.__initiates:
            await super()._init()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if state == self.State.ESTABLISHED and self.established:
            # RFC 9260 section 5.2.4: a COOKIE ECHO that comes again is answered, and that is all.
            return
        if state == self.State.ESTABLISHED:
            self.__on_established()
        if state == self.State.CLOSED:
            self._stop_probing()
        if state == self.State.CLOSED and not self.__closed:
            for channel in (*self._data_channels.values(), *self._unannounced):
                cast("DataChannel", channel)._fail(self.__failure)
        super()._set_state(state)
        if state == self.State.CLOSED and not self.__closed:
            self.__closed = True
            # aiortc leaves channels without an id where they are: connecting, for ever.
            for unannounced in tuple(self._unannounced):
                self._forget_channel(unannounced)
                unannounced._setReadyState(DataChannelState.CLOSED)
            self._data_channel_queue.clear()
            self.__on_close()
