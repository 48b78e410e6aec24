"""SCTP association as a pure state machine: packets and times in, packets and events out.

Nothing here waits, reads a clock or draws a number. Its owner calls `receive` with each packet,
`on_time` when `deadline` has come, and sends what `transmit` returns after either of them; what
has happened is taken from `events`.

It is the association of two verified ends above DTLS: a cookie says no more than that the peer has
read it. A peer that restarts (RFC 9260 section 5.2) gets another association from its owner.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from peer.transport.sctp.core.chunks import (
    COMMON_HEADER,
    PAIR,
    ChunkType,
    InitFields,
    PacketWriter,
    ParameterType,
    begun_checksum,
    chunk,
    has_checksum,
    init_chunk,
    packet_prefix,
    parameter,
    parameters,
    parse_init,
)
from peer.transport.sctp.core.events import (
    ABORTED,
    EXCESSIVE,
    SHUT_DOWN,
    SILENT,
    AssociationEnded,
    Established,
    OwnStreamsReset,
    PeerKnown,
    StreamsReset,
)
from peer.transport.sctp.core.receiver import DataReceiver
from peer.transport.sctp.core.rtt import RoundTrips
from peer.transport.sctp.core.sender import DataSender, with_immediate_answer
from peer.transport.sctp.core.stream_resets import OwnResets, PeerResets
from peer.transport.wire.sctp_packets import split_chunks
from peer.transport.wire.sctp_reassembly import WholeMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peer.times import MonotonicTime
    from peer.transport.sctp.core.outbound import OutboundMessage
    from peer.transport.sctp.core.settings import SctpSettings

Event: TypeAlias = (
    WholeMessage | PeerKnown | Established | StreamsReset | OwnStreamsReset | AssociationEnded
)

#: Chunks that wait for the next packet, beyond which those that only answer are dropped (ours).
_MOST_CONTROL: Final = 64
# RFC 9260 section 3.3.5: one parameter, whose value only its sender understands.
_HEARTBEAT: Final = chunk(ChunkType.HEARTBEAT, parameter(ParameterType.HEARTBEAT_INFO, b"handfast"))
# What of RFC 3758 and RFC 6525 is understood (RFC 5061 section 4.2.7).
_OURS: Final[dict[int, bytes]] = {
    ParameterType.FORWARD_TSN: b"",
    ParameterType.EXTENSIONS: bytes((ChunkType.RECONFIG, ChunkType.FORWARD_TSN)),
}
# T bit of an ABORT: its verification tag is that of its receiver (RFC 9260 section 3.3.7).
_REFLECTED: Final = 1
# Cause code of an ABORT of ours (RFC 9260 section 3.3.10.12): user-initiated.
_USER_ABORT: Final = 12


class AssociationState(Enum):
    """State of an association (RFC 9260 section 4)."""

    CLOSED = "closed"
    COOKIE_WAIT = "cookie-wait"
    COOKIE_ECHOED = "cookie-echoed"
    ESTABLISHED = "established"
    ENDED = "ended"


_ESTABLISHED = AssociationState.ESTABLISHED


class Association:
    """Association of SCTP with one peer.

    Args:
        settings: Timers and bounds.
        tag: Verification tag of the packets of the peer; random, not 0.
        initial_tsn: TSN of our first DATA; random.
        cookie: What the peer is to send back; random.
        is_known: Tells whether a stream has a data channel.

    Attributes:
        events: What has happened, oldest first, for its owner to take.
        state: Where it is.
        tag: Verification tag of the packets of the peer.
        remote_tag: That of ours; 0 before it is known.
        malformed: Packets of the peer that cannot be.
    """

    def __init__(
        self,
        settings: SctpSettings,
        *,
        tag: int,
        initial_tsn: int,
        cookie: bytes,
        is_known: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._settings = settings
        self._cookie = cookie
        self._is_known = is_known
        self._initial_tsn = initial_tsn
        self.tag = tag
        self.remote_tag = 0
        self.state = AssociationState.CLOSED
        self.events: deque[Event] = deque()
        self.malformed = 0
        self._remote_port = self._begun = 0
        self._prefix = b""
        self.set_remote_port(settings.port)
        self._writer: PacketWriter | None = None
        self._sender = DataSender(settings, initial_tsn)
        self._receiver: DataReceiver | None = None
        self._own_resets = OwnResets(initial_tsn)
        self._peer_resets = PeerResets(0)
        self.streams = settings.streams
        #: Packets that go as they are.
        self._alone: list[bytes] = []
        self._control: list[bytes] = []
        #: The packet that establishes, until the peer answers it.
        self._echo = b""
        self._peer_cookie = b""
        self._setup = RoundTrips(settings)
        self._setup_at: MonotonicTime | None = None
        self._setup_attempts = 0
        self._reset_rto = 0.0
        self._reset_at: MonotonicTime | None = None
        self._refused_early = 0
        self._handlers: dict[int, Callable[[bytes, MonotonicTime], None]] = {
            ChunkType.INIT: self._on_init,
            ChunkType.INIT_ACK: self._on_init_ack,
            ChunkType.SACK: self._on_sack,
            ChunkType.HEARTBEAT: self._on_heartbeat,
            ChunkType.ABORT: self._on_abort,
            ChunkType.SHUTDOWN: self._on_shutdown,
            ChunkType.SHUTDOWN_ACK: self._on_shutdown,
            ChunkType.COOKIE_ECHO: self._on_cookie_echo,
            ChunkType.COOKIE_ACK: self._on_cookie_ack,
            ChunkType.RECONFIG: self._on_reconfig,
            ChunkType.FORWARD_TSN: self._on_forward_tsn,
        }

    def __repr__(self) -> str:
        return f"<Association {self.tag:08x} {self.state.value}, {self._sender!r}>"

    @property
    def sender(self) -> DataSender:
        """Sender of our messages, for statistics and for a restart."""
        return self._sender

    @property
    def receiver(self) -> DataReceiver | None:
        """Receiver of the messages of the peer; None before the peer is known."""
        return self._receiver

    @property
    def refused_chunks(self) -> int:
        """DATA chunks of the peer that were refused, beyond what is kept for it."""
        return self._refused_early + (0 if self._receiver is None else self._receiver.refused)

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which `on_time` is to be called; None for never."""
        if self.state is AssociationState.ENDED:
            return None
        receiver = self._receiver
        times = (
            self._setup_at,
            self._reset_at,
            self._sender.deadline if self.state is _ESTABLISHED else None,
            None if receiver is None else receiver.deadline,
        )
        return min((each for each in times if each is not None), default=None)

    # ---- What its owner asks for

    def set_remote_port(self, port: int) -> None:
        """Note the SCTP port of the peer, which is ours where nothing else is said."""
        self._remote_port = port
        self._prefix = packet_prefix(source=port, destination=self._settings.port, tag=self.tag)
        self._begun = begun_checksum(self._prefix)

    def count_refused(self, chunks: int) -> None:
        """Add the DATA chunks that were refused before a restart."""
        self._refused_early += chunks

    def connect(self, now: MonotonicTime) -> None:
        """Begin with an INIT of ours; without it, that of the peer is waited for."""
        if self.state is AssociationState.CLOSED:
            self.state = AssociationState.COOKIE_WAIT
            self._send_init()
            self._setup_at = now + self._setup.rto

    def send(self, message: OutboundMessage, weight: int) -> None:
        """Let a message wait for its turn, as soon as the association carries any."""
        self._sender.queue.add(message, weight)

    def drop(self, stream: int) -> None:
        """Drop the messages of a stream of which nothing was sent."""
        self._sender.queue.drop(stream)

    def reset_stream(self, stream: int) -> None:
        """Ask the peer to forget a stream of ours, once all of its messages are sent (RFC 6525)."""
        self._own_resets.add(stream)

    def heartbeat(self) -> None:
        """Send a HEARTBEAT, which the peer answers, once established (RFC 9260 section 8.3)."""
        if self.state is _ESTABLISHED:
            self._control.append(_HEARTBEAT)

    def abort(self) -> None:
        """End the association, and tell the peer if it is known."""
        if self.state is AssociationState.ENDED:
            return
        if self._writer is not None:
            cause = PAIR.pack(_USER_ABORT, PAIR.size)
            self._alone = [self._writer.write((chunk(ChunkType.ABORT, cause),))]
        self._end()

    def discard(self) -> None:
        """End the association without a word."""
        self._end()
        self._alone.clear()

    def count_unread(self, size: int, now: MonotonicTime) -> None:
        """Count bytes that a program has yet to read; negative where it has read them."""
        if self._receiver is not None:
            self._receiver.count_unread(size, now)

    # ---- Packets and time

    def receive(self, packet: bytes, now: MonotonicTime) -> int:
        """Take a packet of the peer; return how many chunks it has, 0 where it cannot be."""
        chunks = split_chunks(packet)
        if not chunks:
            self.malformed += 1
            return 0
        begun = self._begun_checksum(packet, chunks[0])
        if begun is None or self.state is AssociationState.ENDED:
            return 0
        if not has_checksum(packet, begun):
            self.malformed += 1
            return 0
        receiver = self._receiver
        for kind, flags, start, end in chunks:
            if kind == 0 and receiver is not None and self.state is _ESTABLISHED:
                messages = receiver.on_data(packet, flags=flags, start=start, end=end)
                if messages:
                    self.events.extend(messages)
            elif kind == 0:
                self._on_early_data(packet, flags=flags, start=start, end=end)
            elif (handler := self._handlers.get(kind)) is not None:
                handler(packet[start:end], now)
                receiver = self._receiver
        if receiver is not None:
            receiver.end_packet(now)
            if receiver.is_excessive:
                self.abort()
                self.events.append(AssociationEnded(EXCESSIVE))
            else:
                self._perform_resets()
        return len(chunks)

    def on_time(self, now: MonotonicTime) -> None:
        """Do what is due at this time."""
        if self._setup_at is not None and now >= self._setup_at:
            self._set_up_again(now)
        if self._reset_at is not None and now >= self._reset_at:
            self._reset_rto = min(2 * self._reset_rto, self._settings.rto_max)
            self._write_reset(now)
        if self.state is AssociationState.ENDED:
            return
        is_there = self.state is not _ESTABLISHED or self._sender.on_time(now)
        if not is_there:
            self._give_up()

    def transmit(self, now: MonotonicTime, most: int) -> tuple[list[bytes], bool]:
        """Return the packets that may go now, and whether more may than so many.

        Args:
            now: The present time.
            most: Most packets that are wanted.
        """
        packets, self._alone = self._alone, []
        writer = self._writer
        if writer is None or self.state is AssociationState.ENDED:
            return packets, False
        if self.state is AssociationState.COOKIE_ECHOED and self._peer_cookie:
            packets.append(self._write_echo(writer, now))
        if self.state is not _ESTABLISHED:
            return packets, False
        self._begin_reset(now)
        more = self._write_data(writer, packets, now, most)
        self._begin_reset(now)
        if self._control and not more:
            chunks, _ = self._write_control(writer, packets, now)
            if chunks:
                packets.append(writer.write(chunks))
        return packets, more

    # ---- Writing

    def _set_up_again(self, now: MonotonicTime) -> None:
        self._setup_attempts += 1
        if self._setup_attempts > self._settings.attempts:
            self._give_up()
            return
        self._setup.back_off()
        self._setup_at = now + self._setup.rto
        if self.state is AssociationState.COOKIE_WAIT:
            self._send_init()
        elif self._echo:
            self._alone.append(self._echo)

    def _give_up(self) -> None:
        self.abort()
        self.events.append(AssociationEnded(SILENT))

    def _send_init(self) -> None:
        writer = PacketWriter(source=self._settings.port, destination=self._remote_port, tag=0)
        self._alone.append(writer.write((self._init(ChunkType.INIT),)))

    def _init(self, kind: ChunkType, more: dict[int, bytes] | None = None) -> bytes:
        settings = self._settings
        fields = InitFields(
            tag=self.tag,
            window=settings.window,
            outgoing=settings.streams,
            incoming=settings.streams,
            tsn=self._initial_tsn,
            parameters={**(more or {}), **_OURS},
        )
        return init_chunk(kind, fields)

    def _write_echo(self, writer: PacketWriter, now: MonotonicTime) -> bytes:
        """Write the packet that establishes, with the DATA that it takes (RFC 9260 section 5.1)."""
        chunks = [chunk(ChunkType.COOKIE_ECHO, self._peer_cookie)]
        self._peer_cookie = b""
        room = self._settings.packet - COMMON_HEADER - len(chunks[0])
        if room > 0:
            self._sender.fill(chunks, room, now)
        self._echo = writer.write(chunks)
        self._setup_at = now + self._setup.rto
        return self._echo

    def _write_control(
        self, writer: PacketWriter, packets: list[bytes], now: MonotonicTime
    ) -> tuple[list[bytes], int]:
        """Begin a packet with what is no DATA; return it, and its room."""
        chunks: list[bytes] = []
        room = full = self._settings.packet - COMMON_HEADER
        for each in self._control_due(now):
            if len(each) > room and chunks:
                packets.append(writer.write(chunks))
                chunks, room = [], full
            chunks.append(each)
            room -= len(each)
        return chunks, room

    def _write_data(
        self, writer: PacketWriter, packets: list[bytes], now: MonotonicTime, most: int
    ) -> bool:
        """Write what is due, and DATA; return True where more may go than so many packets."""
        full = self._settings.packet - COMMON_HEADER
        chunks, room = self._write_control(writer, packets, now)
        sender, receiver = self._sender, self._receiver
        more = True
        while more and len(packets) < most:
            begun = len(chunks)
            more = sender.fill(chunks, room, now)
            if len(chunks) > begun == 0 and receiver is not None and receiver.deadline is not None:
                sack = receiver.sack(now, goes_anyway=True)
                if len(sack) <= room - sum(map(len, chunks)):
                    chunks.insert(0, sack)
                else:
                    packets.append(writer.write((sack,)))
            if not chunks:
                break
            if not more and len(chunks) > begun and sender.wants_answer():
                chunks[-1] = with_immediate_answer(chunks[-1])
            packets.append(writer.write(chunks))
            chunks, room = [], full
        if chunks:
            packets.append(writer.write(chunks))
        return more

    def _control_due(self, now: MonotonicTime) -> Iterable[bytes]:
        control, self._control = self._control, []
        receiver = self._receiver
        yield from control
        if receiver is not None and receiver.deadline is not None:
            sack = receiver.sack(now, goes_anyway=bool(control))
            if sack:
                yield sack
        forward = self._sender.forward_tsn(now)
        if forward:
            yield forward

    def _begin_reset(self, now: MonotonicTime) -> None:
        resets = self._own_resets
        if resets.is_waiting and resets.begin(self._sender.queue.is_waiting):
            self._sender.queue.hold(resets.sent)
            self._reset_rto = self._sender.round_trips.rto
            self._write_reset(now)

    def _write_reset(self, now: MonotonicTime) -> None:
        self._reset_at = now + self._reset_rto
        request = self._own_resets.write(
            last_tsn=self._sender.last_tsn, last_request=self._peer_resets.answered
        )
        self._control.append(request)

    def _answer(self, wire: bytes) -> None:
        """Let an answer wait, unless the peer asks faster than packets go."""
        if len(self._control) < _MOST_CONTROL:
            self._control.append(wire)

    # ---- Reading

    def _begun_checksum(self, packet: bytes, first: tuple[int, int, int, int]) -> int | None:
        """Return the CRC32c of the header of a packet for us; None where it is for another one."""
        prefix = packet[:8]
        kind, flags = first[0], first[1]
        if prefix == self._prefix:
            return None if kind == ChunkType.INIT else self._begun
        # RFC 9260 section 8.5.1: of an INIT, and where its sender has no tag of ours.
        tag = int.from_bytes(prefix[4:], "big")
        reflects = kind == ChunkType.ABORT and flags & _REFLECTED and tag == self.remote_tag != 0
        if (kind == ChunkType.INIT and tag == 0) or reflects:
            return begun_checksum(prefix)
        return None

    def _on_init(self, body: bytes, now: MonotonicTime) -> None:
        del now
        fields = parse_init(body)
        if fields is None or self.state is AssociationState.ENDED:
            return
        # RFC 9260 sections 5.2.1 and 5.2.2: it is answered, and changes nothing that is there.
        self._know_peer(fields)
        if fields.tag != self.remote_tag or self._writer is None:
            return
        answer = self._init(ChunkType.INIT_ACK, {ParameterType.COOKIE: self._cookie})
        self._alone.append(self._writer.write((answer,)))

    def _on_init_ack(self, body: bytes, now: MonotonicTime) -> None:
        fields = parse_init(body)
        if fields is None or self.state is not AssociationState.COOKIE_WAIT:
            return
        cookie = fields.parameters.get(ParameterType.COOKIE)
        if not cookie:
            return
        self._know_peer(fields)
        if fields.tag != self.remote_tag:
            return
        self._peer_cookie = cookie
        self.state = AssociationState.COOKIE_ECHOED
        self._setup_at = now + self._setup.rto
        self.events.append(PeerKnown())

    def _know_peer(self, fields: InitFields) -> None:
        if self._receiver is not None:
            return
        self.remote_tag = fields.tag
        self._writer = PacketWriter(
            source=self._settings.port, destination=self._remote_port, tag=fields.tag
        )
        self._receiver = DataReceiver(self._settings, fields.tsn, self._is_known)
        self._peer_resets = PeerResets(fields.tsn)
        self._sender.peer_window = fields.window
        self._sender.takes_forward_tsn = fields.takes_forward_tsn
        self.streams = min(self._settings.streams, fields.incoming)

    def _on_cookie_echo(self, body: bytes, now: MonotonicTime) -> None:
        del now
        if body != self._cookie or self.state is AssociationState.ENDED:
            return
        # It comes again where our answer was lost (RFC 9260 section 5.2.4 D).
        if len(self._control) < _MOST_CONTROL:
            self._control.insert(0, chunk(ChunkType.COOKIE_ACK))
        self._establish()

    def _on_cookie_ack(self, body: bytes, now: MonotonicTime) -> None:
        del body, now
        if self.state is AssociationState.COOKIE_ECHOED:
            self._establish()

    def _on_early_data(self, packet: bytes, *, flags: int, start: int, end: int) -> None:
        receiver = self._receiver
        if (
            receiver is None
            or self.state is not AssociationState.COOKIE_ECHOED
            or self._peer_cookie
        ):
            self._refused_early += 1
            return
        # The peer has read our cookie, or we its: only what says so is lost.
        self._establish()
        self.events.extend(receiver.on_data(packet, flags=flags, start=start, end=end))

    def _establish(self) -> None:
        if self.state is _ESTABLISHED or self._receiver is None:
            return
        self.state = _ESTABLISHED
        self._setup_at = None
        self._echo = self._peer_cookie = b""
        self.events.append(Established())

    def _on_sack(self, body: bytes, now: MonotonicTime) -> None:
        if self.state is _ESTABLISHED:
            self._sender.on_sack(body, now)

    def _on_forward_tsn(self, body: bytes, now: MonotonicTime) -> None:
        del now
        if self._receiver is not None and self.state is _ESTABLISHED:
            self.events.extend(self._receiver.on_forward_tsn(body))

    def _on_heartbeat(self, body: bytes, now: MonotonicTime) -> None:
        del now
        self._answer(chunk(ChunkType.HEARTBEAT_ACK, body))

    def _on_abort(self, body: bytes, now: MonotonicTime) -> None:
        del now
        if self.state is AssociationState.ENDED:
            return
        cause = next((code for code, _ in parameters(body)), None)
        self._end()
        self.events.append(AssociationEnded(ABORTED, cause))

    def _on_shutdown(self, body: bytes, now: MonotonicTime) -> None:
        del body, now
        if self.state is AssociationState.ENDED:
            return
        # WebRTC has no half-closed channels, and nobody waits for the rest of a shutdown.
        if self._writer is not None:
            self._alone.append(self._writer.write((chunk(ChunkType.SHUTDOWN_ACK),)))
        self._end()
        self.events.append(AssociationEnded(SHUT_DOWN))

    def _on_reconfig(self, body: bytes, now: MonotonicTime) -> None:
        del now
        if self.state is not _ESTABLISHED:
            return
        for kind, value in parameters(body):
            if kind == ParameterType.RECONFIG_RESPONSE:
                self._on_reset_response(value)
            elif ParameterType.OUTGOING_RESET <= kind <= ParameterType.ADD_INCOMING:
                answer = self._peer_resets.on_request(kind, value)
                if answer:
                    self._answer(answer)
                elif not self._perform_resets():
                    self._answer(self._peer_resets.progress())

    def _on_reset_response(self, value: bytes) -> None:
        streams = self._own_resets.on_response(value)
        if streams:
            self._reset_at = None
            for stream in streams:
                self._sender.queue.reset(stream)
            self.events.append(OwnStreamsReset(streams))

    def _perform_resets(self) -> bool:
        if self._receiver is None:
            return False
        performed = self._peer_resets.perform(self._receiver.tsns.cumulative)
        if performed is None:
            return False
        streams, answer = performed
        self._receiver.reset(streams)
        self.events.append(StreamsReset(streams))
        self._answer(answer)
        return True

    def _end(self) -> None:
        self.state = AssociationState.ENDED
        self._setup_at = self._reset_at = None
        self._control.clear()
        self._sender.abandon_all()
