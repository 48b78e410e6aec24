"""Members that join, send, break off, return and leave in any order lose and repeat nothing."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from signaling.backlog import Backlog
from signaling.messages import Ack, Join, Joined, Offer, PeerLeft, Resume, Resumed, decode, encode
from signaling.server.limits import Limits
from signaling.server.rooms import Admitted, ConnectionId, Disconnect, Effects, Rooms

LIMITS = Limits(members=3, backlog_messages=1000, session_lifetime=10)

which = st.integers(0, LIMITS.members - 1)
some = st.integers(1, 4)
many = st.integers(1, 12)


@dataclass
class Client:
    """One member, and the two directions of its WebSocket."""

    member: str
    connection_id: ConnectionId
    session: str | None
    outbox: Backlog = field(default_factory=lambda: Backlog(messages=1000, size=1_000_000))
    up: deque[str] = field(default_factory=deque)
    down: deque[str] = field(default_factory=deque)
    connected: bool = True
    #: The server has seen that the connection is gone.
    noticed: bool = True
    deadline: float = 0.0
    sent: int = 0
    received: int = 0
    last_received: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)

    def hear(self, frame: str) -> None:
        message = decode(frame)
        match message:
            case Ack(received=received):
                assert self.outbox.acknowledge(received)
                return
            case Offer():
                assert message.sender is not None
                assert message.sender not in self.gone
                self.last_received[message.sender].append(int(message.sdp))
            case PeerLeft():
                self.gone.add(message.member)
            case _:
                pass
        self.received += 1


class RoomsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        members, secrets = itertools.count(1), itertools.count(1)
        self.rooms = Rooms(
            LIMITS,
            new_name=lambda: f"m{next(members)}",
            new_secret=lambda: f"s{next(secrets)}",
        )
        self.clients: list[Client] = []
        self.now = 0.0

    def client(self, index: int) -> Client:
        return self.clients[index % len(self.clients)]

    @initialize()
    def first_two(self) -> None:
        self.join(resumable=True)
        self.join(resumable=True)

    @precondition(lambda self: len(self.clients) < LIMITS.members)
    @rule(resumable=st.booleans())
    def join(self, resumable: bool) -> None:
        outcome, effects = self.rooms.admit(Join(room="r", resumable=resumable))
        assert isinstance(outcome, Admitted)
        assert isinstance(outcome.reply, Joined)
        assert {peer.member for peer in outcome.reply.peers} == {
            client.member for client in self.clients
        }
        self.clients.append(
            Client(outcome.reply.member, outcome.connection_id, outcome.reply.session)
        )
        self.follow(effects)

    @precondition(lambda self: len(self.clients) == LIMITS.members)
    @rule()
    def one_too_many(self) -> None:
        outcome, effects = self.rooms.admit(Join(room="r"))
        assert not isinstance(outcome, Admitted)
        assert effects == ()

    @precondition(lambda self: self.clients)
    @rule(index=which, count=some)
    def send(self, index: int, count: int) -> None:
        client = self.client(index)
        for _ in range(count):
            client.sent += 1
            assert client.outbox.append(encode(Offer(sdp=str(client.sent))))
        if client.connected:
            self.write(client)

    def write(self, client: Client) -> None:
        if client.session is not None:
            client.up.append(encode(Ack(received=client.received)))
        while (frame := client.outbox.take()) is not None:
            client.up.append(frame)

    @precondition(lambda self: self.clients)
    @rule(index=which, count=many)
    def server_reads(self, index: int, count: int) -> None:
        # Also from a connection that the client has given up already.
        client = self.client(index)
        for _ in range(min(count, len(client.up))):
            self.follow(self.rooms.receive(client.connection_id, client.up.popleft()))

    @precondition(lambda self: self.clients)
    @rule(index=which, written=many, read=many)
    def server_writes(self, index: int, written: int, read: int) -> None:
        client = self.client(index)
        if not client.connected:
            return
        for _ in range(written):
            frame = self.rooms.take(client.connection_id)
            if frame is not None:
                client.down.append(frame)
        for _ in range(min(read, len(client.down))):
            client.hear(client.down.popleft())

    @precondition(lambda self: self.clients)
    @rule(index=which, lost=some, noticed=st.booleans())
    def break_off(self, index: int, lost: int, noticed: bool) -> None:
        client = self.client(index)
        if client.connected:
            for _ in range(lost):
                self.rooms.take(client.connection_id)
            client.connected = client.noticed = False
            client.down.clear()
            if noticed or client.session is None:
                self.notice(index)

    @precondition(lambda self: self.clients)
    @rule(index=which)
    def notice(self, index: int) -> None:
        client = self.client(index)
        if client.noticed:
            return
        client.noticed = True
        client.up.clear()
        client.deadline = self.now + LIMITS.session_lifetime
        if client.session is None:
            self.clients.remove(client)
        self.follow(self.rooms.disconnect(client.connection_id, left=False, now=self.now))

    @precondition(lambda self: self.clients)
    @rule(index=which)
    def come_back(self, index: int) -> None:
        client = self.client(index)
        if client.connected or client.session is None:
            return
        resume = Resume(session=client.session, received=client.received)
        outcome, effects = self.rooms.admit(resume)
        assert isinstance(outcome, Admitted)
        assert isinstance(outcome.reply, Resumed)
        replaced = [effect.connection_id for effect in effects if isinstance(effect, Disconnect)]
        assert replaced == ([] if client.noticed else [client.connection_id])
        # What the server had not read on the old connection is worth nothing on the new one.
        for frame in client.up:
            assert self.rooms.receive(client.connection_id, frame) == ()
        client.up.clear()
        assert client.outbox.rewind(outcome.reply.received)
        client.connection_id, client.connected, client.noticed = outcome.connection_id, True, True
        self.write(client)

    @precondition(lambda self: len(self.clients) == LIMITS.members)
    @rule(index=which)
    def leave(self, index: int) -> None:
        client = self.client(index)
        if client.connected:
            self.clients.remove(client)
            self.follow(self.rooms.disconnect(client.connection_id, left=True, now=self.now))

    @rule(seconds=st.floats(0.1, 9))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.clients = [
            client
            for client in self.clients
            if client.connected or not client.noticed or client.deadline > self.now
        ]
        self.follow(self.rooms.expire(self.now))

    def follow(self, effects: Effects) -> None:
        assert not any(isinstance(effect, Disconnect) for effect in effects)

    @invariant()
    def every_message_once_and_in_order(self) -> None:
        for client in self.clients:
            for numbers in client.last_received.values():
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def teardown(self) -> None:
        """Let everybody return and read to the end: nothing is missing then."""
        for index, client in enumerate(self.clients):
            self.come_back(index)
            if client.connected:
                self.server_reads(index, len(client.up))
        for index, client in enumerate(self.clients):
            if client.connected:
                self.server_writes(index, 10_000, 10_000)
                assert client.outbox.waiting == 0
        self.every_message_once_and_in_order()
        # In the order of joining: who was there first has last_received everything.
        for first, later in itertools.combinations(self.clients, 2):
            assert first.last_received[later.member] == list(range(1, later.sent + 1))
            assert later.last_received[first.member][-1:] in ([], [first.sent])


RoomsMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestRoomsMachine = RoomsMachine.TestCase
