from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from signaling.errors import ErrorCode
from signaling.ice_servers import IceServerEntry
from signaling.messages import (
    Ack,
    Answer,
    Bye,
    Candidate,
    Error,
    Join,
    Joined,
    Message,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    ProgramNote,
    Resume,
    Resumed,
    decode,
    encode,
)
from signaling.server.limits import Limits
from signaling.server.rooms import (
    Admitted,
    Charge,
    ConnectionId,
    Disconnect,
    Effects,
    Refused,
    Rooms,
    Seat,
    Wake,
)


def names(prefix: str) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def make(**bounds: float) -> Rooms:
    return Rooms(Limits(**bounds), new_name=names("m"), new_secret=names("s"))  # type: ignore[arg-type] # each test knows which of its bounds are counts


def join(rooms: Rooms, room: str = "r", name: str = "", *, resumable: bool = False) -> ConnectionId:
    outcome, _ = rooms.admit(Join(room=room, name=name, resumable=resumable))
    assert isinstance(outcome, Admitted)
    return outcome.connection_id


def resume(rooms: Rooms, session: str, received: int) -> tuple[Admitted | Refused, Effects]:
    return rooms.admit(Resume(session=session, received=received))


def taken(rooms: Rooms, connection_id: ConnectionId) -> list[Message]:
    frames = iter(lambda: rooms.take(connection_id), None)
    return [decode(frame) for frame in frames]


def codes(messages: list[Message]) -> list[ErrorCode]:
    return [message.code for message in messages if isinstance(message, Error)]


@pytest.fixture
def rooms() -> Rooms:
    return make()


def test_the_first_member_finds_an_empty_room(rooms: Rooms) -> None:
    outcome, effects = rooms.admit(Join(room="r"))
    assert outcome == Admitted(ConnectionId("m1", 0), Joined(member="m1", peers=()))
    assert effects == ()


def test_a_later_member_is_told_who_is_there(rooms: Rooms) -> None:
    join(rooms, name="python")
    outcome, _ = rooms.admit(Join(room="r"))
    assert isinstance(outcome, Admitted)
    assert outcome.reply == Joined(member="m2", peers=(Peer(member="m1", name="python"),))


def test_those_who_are_there_are_told_who_comes(rooms: Rooms) -> None:
    first = join(rooms)
    _, effects = rooms.admit(Join(room="r", name="page"))
    assert effects == (Wake(first),)
    assert taken(rooms, first) == [PeerJoined(member="m2", name="page")]


def told_of(servers: tuple[IceServerEntry, ...]) -> list[str | None]:
    return [server.username for server in servers]


def test_each_member_is_told_of_ice_servers_with_a_credential_of_its_own() -> None:
    numbers = itertools.count(1)

    def servers(member: str) -> tuple[IceServerEntry, ...]:
        return (IceServerEntry(urls=("turn:a",), username=f"{next(numbers)} {member}"),)

    rooms = Rooms(Limits(), new_name=names("m"), new_secret=names("s"), ice_servers=servers)
    outcome, _ = rooms.admit(Join(room="r", resumable=True))
    assert isinstance(outcome, Admitted)
    assert isinstance(outcome.reply, Joined)
    assert told_of(outcome.reply.iceServers) == ["1 m1"]

    # Those that a long-lived member was told of first may have run out when another one comes.
    join(rooms)
    (newcomer,) = taken(rooms, outcome.connection_id)
    assert isinstance(newcomer, PeerJoined)
    assert told_of(newcomer.iceServers) == ["3 m1"]

    returned, _ = resume(rooms, "s1", 1)
    assert isinstance(returned, Admitted)
    assert isinstance(returned.reply, Resumed)
    assert told_of(returned.reply.iceServers) == ["4 m1"]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    given = iter(["same", "same", "other"])
    rooms = Rooms(Limits(), new_name=lambda: next(given), new_secret=names("s"))
    assert [join(rooms).member, join(rooms).member] == ["same", "other"]


def test_rooms_do_not_hear_each_other(rooms: Rooms) -> None:
    here, there = join(rooms, "here"), join(rooms, "there")
    rooms.receive(here, encode(Offer(sdp="v")))
    assert taken(rooms, there) == []


@pytest.mark.parametrize(
    "message",
    [
        Offer(sdp="v"),
        Answer(sdp="v"),
        Candidate(candidate="c"),
        Bye(reason="r"),
        ProgramNote(label="l", text="t"),
    ],
)
def test_a_message_reaches_every_other_member_with_its_sender(
    rooms: Rooms, message: Message
) -> None:
    first, second, third = join(rooms), join(rooms), join(rooms)
    for connection_id in (first, second):
        taken(rooms, connection_id)
    effects = rooms.receive(first, encode(message))
    assert {effect for effect in effects if isinstance(effect, Wake)} == {
        Wake(second),
        Wake(third),
    }
    assert taken(rooms, first) == []
    for connection_id in (second, third):
        (received,) = taken(rooms, connection_id)
        assert type(received) is type(message)
        assert received.sender == "m1"  # type: ignore[union-attr] # it has the type of `message`


def test_a_message_is_written_once_for_all_who_receive_it(rooms: Rooms) -> None:
    first, *others = (join(rooms) for _ in range(4))
    for connection_id in others:
        taken(rooms, connection_id)
    rooms.receive(first, encode(Offer(sdp="v")))
    written, *again = (rooms.take(connection_id) for connection_id in others)
    assert written is not None
    assert all(each is written for each in again)


@pytest.mark.parametrize(
    ("message", "receivers"),
    [(Offer(sdp="v"), 3), (Offer(sdp="\u00e9"), 3), (Offer(sdp="v", to="m2"), 1)],
)
def test_a_message_is_charged_by_octets_for_each_who_receives_it(
    rooms: Rooms, message: Offer, receivers: int
) -> None:
    first, *_ = (join(rooms) for _ in range(4))
    sent = encode(Offer(sdp=message.sdp, sender="m1"))
    charges = [e for e in rooms.receive(first, encode(message)) if isinstance(e, Charge)]
    assert charges == [Charge(first, len(sent.encode()) * receivers)]


@pytest.mark.parametrize("frame", ["nonsense", encode(Pong()), encode(Offer(sdp="v", to="m9"))])
def test_what_nobody_receives_is_not_charged(rooms: Rooms, frame: str) -> None:
    first, _ = join(rooms), join(rooms)
    assert not any(isinstance(effect, Charge) for effect in rooms.receive(first, frame))


def test_an_addressed_message_reaches_one_member(rooms: Rooms) -> None:
    first, second, third = join(rooms), join(rooms), join(rooms)
    taken(rooms, second)
    rooms.receive(first, encode(Offer(sdp="v", to="m3")))
    assert taken(rooms, second) == []
    assert taken(rooms, third) == [Offer(sdp="v", sender="m1")]


def test_server_overwrites_the_sender_of_a_message(rooms: Rooms) -> None:
    first, second = join(rooms), join(rooms)
    rooms.receive(first, encode(Offer(sdp="v", sender="m2")))
    assert taken(rooms, second) == [Offer(sdp="v", sender="m1")]


@pytest.mark.parametrize("to", [None, "m1", "m9"])
def test_a_message_for_nobody_is_answered(rooms: Rooms, to: str | None) -> None:
    connection_id = join(rooms)
    rooms.receive(connection_id, encode(Offer(sdp="v", to=to)))
    assert codes(taken(rooms, connection_id)) == [ErrorCode.NO_SUCH_PEER]


def test_a_peer_in_another_room_is_nobody(rooms: Rooms) -> None:
    here, there = join(rooms, "here"), join(rooms, "there")
    rooms.receive(here, encode(Offer(sdp="v", to=there.member)))
    assert codes(taken(rooms, here)) == [ErrorCode.NO_SUCH_PEER]
    assert taken(rooms, there) == []


@pytest.mark.parametrize("left", [True, False])
def test_member_without_session_leaves_with_its_connection(rooms: Rooms, left: bool) -> None:
    first, second = join(rooms), join(rooms)
    rooms.disconnect(second, left=left, now=0)
    assert taken(rooms, first) == [
        PeerJoined(member="m2"),
        PeerLeft(member="m2", reason="left" if left else "the connection broke"),
    ]
    assert rooms.next_deadline() is None


def test_a_room_without_members_makes_way_for_another() -> None:
    rooms = make(rooms=1)
    rooms.disconnect(join(rooms, "one"), left=True, now=0)
    assert join(rooms, "two").member == "m2"


@pytest.mark.parametrize(
    ("bounds", "taken_rooms", "wanted", "code"),
    [
        ({"members_per_room": 2}, "aa", "a", ErrorCode.ROOM_FULL),
        ({"rooms": 2}, "ab", "c", ErrorCode.SERVER_FULL),
        ({"members": 2}, "ab", "a", ErrorCode.SERVER_FULL),
    ],
)
def test_a_bound_refuses_who_exceeds_it(
    bounds: dict[str, float], taken_rooms: str, wanted: str, code: ErrorCode
) -> None:
    rooms = make(**bounds)
    for room in taken_rooms:
        join(rooms, room)
    outcome, effects = rooms.admit(Join(room=wanted))
    assert isinstance(outcome, Refused)
    assert outcome.error.code is code
    assert effects == ()


def test_a_return_to_a_session_that_never_was_is_refused(rooms: Rooms) -> None:
    stranger = Resume(session="s1", received=0)
    for outcome in (rooms.seat(stranger), rooms.admit(stranger)[0]):
        assert isinstance(outcome, Refused)
        assert outcome.error.code is ErrorCode.UNKNOWN_SESSION


def test_a_return_is_to_the_seat_that_was_left(rooms: Rooms) -> None:
    join(rooms, "lobby", "ada", resumable=True)
    assert rooms.seat(Resume(session="s1", received=0)) == Seat(room="lobby", name="ada")


def test_member_whose_rights_have_run_out_is_removed() -> None:
    rooms = make()
    first = join(rooms)
    outcome, _ = rooms.admit(Join(room="r"), name="Ada", ends_at=50.0)
    assert isinstance(outcome, Admitted)
    assert taken(rooms, first) == [PeerJoined(member="m2", name="Ada")]
    assert rooms.next_deadline() == 50.0
    assert rooms.expire(49.0) == ()
    ended, _ = rooms.expire(50.0)
    assert isinstance(ended, Disconnect)
    assert (ended.connection_id, ended.error.code) == (
        outcome.connection_id,
        ErrorCode.UNAUTHORIZED,
    )
    assert [type(message) for message in taken(rooms, first)] == [PeerLeft]


def test_member_that_returns_with_newer_rights_stays() -> None:
    rooms = make()
    outcome, _ = rooms.admit(Join(room="r", resumable=True), ends_at=50.0)
    assert isinstance(outcome, Admitted)
    rooms.admit(Resume(session="s1", received=0), ends_at=90.0)
    assert rooms.expire(60.0) == ()
    assert rooms.next_deadline() == 90.0


BAD_FRAMES = [
    ("nonsense", ErrorCode.MALFORMED),
    (b"\xff", ErrorCode.MALFORMED),
    ("x" * 400_000, ErrorCode.TOO_LARGE),
    (encode(Join(room="r")), ErrorCode.UNEXPECTED),
    (encode(Resume(session="s1", received=0)), ErrorCode.UNEXPECTED),
    (encode(Joined(member="m", peers=())), ErrorCode.UNEXPECTED),
    (encode(Resumed(received=0)), ErrorCode.UNEXPECTED),
    (encode(PeerJoined(member="m")), ErrorCode.UNEXPECTED),
    (encode(PeerLeft(member="m")), ErrorCode.UNEXPECTED),
    (encode(Ping()), ErrorCode.UNEXPECTED),
    (encode(Ack(received=7)), ErrorCode.UNEXPECTED),
]


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES)
def test_message_that_only_the_server_sends_is_refused_by_name(
    rooms: Rooms, frame: str | bytes, code: ErrorCode
) -> None:
    first, second = join(rooms), join(rooms)
    taken(rooms, first)
    rooms.receive(first, frame)
    assert codes(taken(rooms, first)) == [code]
    assert taken(rooms, second) == []


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES)
def test_the_third_fault_is_the_last(rooms: Rooms, frame: str | bytes, code: ErrorCode) -> None:
    first, second = join(rooms), join(rooms)
    for _ in range(2):
        assert not any(isinstance(effect, Disconnect) for effect in rooms.receive(first, frame))
    ends = [effect for effect in rooms.receive(first, frame) if isinstance(effect, Disconnect)]
    assert [(end.connection_id, end.error.code) for end in ends] == [(first, code)]
    assert taken(rooms, second) == [PeerLeft(member="m1", reason=f"disconnected: {code}")]


def test_a_pong_changes_nothing(rooms: Rooms) -> None:
    connection_id = join(rooms)
    assert rooms.receive(connection_id, encode(Pong())) == ()


@pytest.mark.parametrize("resumable", [True, False])
def test_a_member_that_reads_too_slowly_is_disconnected(resumable: bool) -> None:
    rooms = make(backlog_messages=2)
    slow, fast = join(rooms, resumable=resumable), join(rooms)
    rooms.receive(fast, encode(Offer(sdp="1")))
    effects = rooms.receive(fast, encode(Offer(sdp="2")))
    (end,) = [effect for effect in effects if isinstance(effect, Disconnect)]
    assert (end.connection_id, end.error.code) == (slow, ErrorCode.TOO_SLOW)
    assert taken(rooms, fast) == [PeerLeft(member="m1", reason="disconnected: too-slow")]


def test_the_end_of_one_slow_member_may_be_too_much_for_the_next() -> None:
    rooms = make(backlog_messages=3)
    slow = [join(rooms) for _ in range(3)]
    last = join(rooms)
    effects = rooms.receive(last, encode(Offer(sdp="1")))
    assert {effect.connection_id for effect in effects if isinstance(effect, Disconnect)} == set(
        slow
    )
    left = [message.member for message in taken(rooms, last) if isinstance(message, PeerLeft)]
    assert sorted(left) == ["m1", "m2", "m3"]


def test_a_member_that_reads_is_not_too_slow_whatever_it_was_sent() -> None:
    rooms = make(backlog_messages=1)
    reader, writer = join(rooms), join(rooms)
    taken(rooms, reader)
    for number in range(100):
        rooms.receive(writer, encode(Offer(sdp=str(number))))
        assert taken(rooms, reader) == [Offer(sdp=str(number), sender="m2")]


def test_a_silent_member_is_expelled(rooms: Rooms) -> None:
    first, second = join(rooms), join(rooms)
    (end, _) = rooms.expel(first, ErrorCode.IDLE, "silent")
    assert end == Disconnect(first, Error(code=ErrorCode.IDLE, reason="silent"))
    assert taken(rooms, second) == [PeerLeft(member="m1", reason="disconnected: idle")]


def test_only_a_resumable_join_gets_a_session(rooms: Rooms) -> None:
    plain, _ = rooms.admit(Join(room="r"))
    resumable, _ = rooms.admit(Join(room="r", resumable=True))
    assert isinstance(plain, Admitted)
    assert isinstance(plain.reply, Joined)
    assert plain.reply.session is None
    assert isinstance(resumable, Admitted)
    assert isinstance(resumable.reply, Joined)
    assert resumable.reply.session == "s1"


def test_a_resumable_member_keeps_its_place(rooms: Rooms) -> None:
    away, other = join(rooms, resumable=True), join(rooms)
    assert rooms.disconnect(away, left=False, now=100) == ()
    rooms.receive(other, encode(Offer(sdp="v", to="m1")))
    assert taken(rooms, other) == []
    assert rooms.next_deadline() == 130


def test_resumed_member_gets_missed_messages_once_and_in_order(rooms: Rooms) -> None:
    connection_id, other = join(rooms, resumable=True), join(rooms)
    rooms.receive(other, encode(Offer(sdp="1")))
    assert taken(rooms, connection_id) == [PeerJoined(member="m2"), Offer(sdp="1", sender="m2")]
    rooms.disconnect(connection_id, left=False, now=0)
    rooms.receive(other, encode(Candidate(candidate="2")))
    outcome, _ = resume(rooms, "s1", received=1)
    assert isinstance(outcome, Admitted)
    assert taken(rooms, outcome.connection_id) == [
        Offer(sdp="1", sender="m2"),
        Candidate(candidate="2", sender="m2"),
    ]


def test_resumed_member_learns_how_many_messages_arrived(rooms: Rooms) -> None:
    connection_id, _ = join(rooms, resumable=True), join(rooms)
    for frame in (encode(Offer(sdp="1")), encode(Pong()), "nonsense", encode(Ack(received=0))):
        rooms.receive(connection_id, frame)
    rooms.disconnect(connection_id, left=False, now=0)
    outcome, _ = resume(rooms, "s1", received=0)
    assert isinstance(outcome, Admitted)
    assert outcome.reply == Resumed(received=2)


def test_messages_of_a_session_are_acknowledged_after_queued_ones(rooms: Rooms) -> None:
    connection_id, _ = join(rooms, resumable=True), join(rooms)
    rooms.receive(connection_id, encode(Offer(sdp="1")))
    rooms.receive(connection_id, encode(Offer(sdp="2")))
    assert taken(rooms, connection_id) == [PeerJoined(member="m2"), Ack(received=2)]
    assert taken(rooms, connection_id) == []


def test_member_without_session_gets_no_acks(rooms: Rooms) -> None:
    connection_id, _ = join(rooms), join(rooms)
    rooms.receive(connection_id, encode(Offer(sdp="1")))
    assert taken(rooms, connection_id) == [PeerJoined(member="m2")]


@pytest.mark.parametrize(("session", "received"), [("s9", 0), ("s1", 1)])
def test_a_session_that_is_none_or_a_count_that_cannot_be_is_refused(
    rooms: Rooms, session: str, received: int
) -> None:
    rooms.disconnect(join(rooms, resumable=True), left=False, now=0)
    outcome, _ = resume(rooms, session, received)
    assert isinstance(outcome, Refused)
    assert outcome.error.code is ErrorCode.UNKNOWN_SESSION


def test_a_session_resumed_twice_has_one_connection(rooms: Rooms) -> None:
    old, other = join(rooms, resumable=True), join(rooms)
    outcome, (end,) = resume(rooms, "s1", received=0)
    assert isinstance(outcome, Admitted)
    assert isinstance(end, Disconnect)
    assert (end.connection_id, end.error.code) == (old, ErrorCode.REPLACED)
    assert rooms.receive(old, encode(Offer(sdp="late"))) == ()
    assert rooms.disconnect(old, left=True, now=0) == ()
    assert rooms.take(old) is None
    assert taken(rooms, outcome.connection_id) == [PeerJoined(member="m2")]
    assert taken(rooms, other) == []


def test_member_that_does_not_resume_in_time_is_removed(rooms: Rooms) -> None:
    connection_id, other = join(rooms, resumable=True), join(rooms)
    rooms.disconnect(connection_id, left=False, now=100)
    assert rooms.expire(129.9) == ()
    assert rooms.expire(130) == (Wake(other),)
    assert taken(rooms, other) == [PeerLeft(member="m1", reason="the connection broke")]
    outcome, _ = resume(rooms, "s1", received=0)
    assert isinstance(outcome, Refused)


def test_a_resumable_member_that_leaves_is_gone_at_once(rooms: Rooms) -> None:
    connection_id, other = join(rooms, resumable=True), join(rooms)
    rooms.disconnect(connection_id, left=True, now=0)
    assert taken(rooms, other) == [PeerLeft(member="m1", reason="left")]
    assert rooms.next_deadline() is None


def test_more_than_is_kept_for_an_absent_member_ends_its_session() -> None:
    rooms = make(backlog_messages=2)
    connection_id, other = join(rooms, resumable=True), join(rooms)
    rooms.disconnect(connection_id, left=False, now=0)
    rooms.receive(other, encode(Offer(sdp="1")))
    effects = rooms.receive(other, encode(Offer(sdp="2")))
    assert [effect for effect in effects if not isinstance(effect, Charge)] == [Wake(other)]
    assert taken(rooms, other) == [PeerLeft(member="m1", reason="disconnected: too-slow")]
    outcome, _ = resume(rooms, "s1", received=0)
    assert isinstance(outcome, Refused)
