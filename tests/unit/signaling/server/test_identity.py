"""A participant that joins again is known by its identity, which only its own secret makes."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest

from signaling.errors import ErrorCode
from signaling.messages import (
    Ack,
    Error,
    Join,
    Joined,
    Message,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    Resume,
    decode,
    encode,
    identity_of,
)
from signaling.server.limits import Limits
from signaling.server.rooms import Admitted, ConnectionId, Disconnect, Refused, Rooms

SECRET = "a secret of the page"
OTHERS_SECRET = "a secret of somebody else"


def make(**bounds: int) -> Rooms:
    members, sessions = itertools.count(1), itertools.count(1)
    return Rooms(
        Limits(**bounds),
        new_name=lambda: f"m{next(members)}",
        new_secret=lambda: f"s{next(sessions)}",
    )


def join(rooms: Rooms, secret: str | None = None, *, room: str = "r") -> ConnectionId:
    outcome, _ = rooms.admit(Join(room=room, resumable=True, identity_secret=secret))
    assert isinstance(outcome, Admitted)
    return outcome.connection_id


def taken(rooms: Rooms, connection_id: ConnectionId) -> list[Message]:
    return [decode(frame) for frame in iter(lambda: rooms.take(connection_id), None)]


@pytest.fixture
def rooms() -> Rooms:
    return make()


def test_identity_is_a_short_hash_that_is_the_same_on_every_server() -> None:
    assert identity_of(SECRET) == identity_of(SECRET)
    assert identity_of(SECRET) != identity_of(OTHERS_SECRET)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", identity_of(SECRET))
    # printf 0123456789abcdef | openssl dgst -sha256 -binary | base64url
    assert identity_of("0123456789abcdef") == "n59REfeyengfHx3d5evC3S"


def test_the_others_see_the_identity_and_never_the_secret(rooms: Rooms) -> None:
    first = join(rooms, SECRET)
    second, _ = rooms.admit(Join(room="r", identity_secret=OTHERS_SECRET))
    assert isinstance(second, Admitted)
    peer = Peer(member="m1", identity=identity_of(SECRET))
    assert second.reply == Joined(member="m2", peers=(peer,))
    told = taken(rooms, first)
    assert told == [PeerJoined(member="m2", identity=identity_of(OTHERS_SECRET))]


def test_a_member_without_a_secret_has_no_identity(rooms: Rooms) -> None:
    first = join(rooms)
    join(rooms)
    assert taken(rooms, first) == [PeerJoined(member="m2")]


def test_a_participant_that_joins_again_takes_its_own_place(rooms: Rooms) -> None:
    watcher, former = join(rooms), join(rooms, SECRET)
    taken(rooms, watcher)
    outcome, effects = rooms.admit(Join(room="r", identity_secret=SECRET))
    assert isinstance(outcome, Admitted)
    assert outcome.reply == Joined(member="m3", peers=(Peer(member="m1"),))
    disconnected = [effect for effect in effects if isinstance(effect, Disconnect)]
    assert [each.connection_id for each in disconnected] == [former]
    assert disconnected[0].error.code is ErrorCode.REPLACED
    assert taken(rooms, watcher) == [
        PeerLeft(member="m2", reason="disconnected: replaced", may_return=True),
        PeerJoined(member="m3", identity=identity_of(SECRET)),
    ]
    # What is still on its way over the former connection has no effect.
    assert rooms.receive(former, encode(Offer(sdp="late"))) == ()
    resumed, _ = rooms.admit(Resume(session="s2", received=0))
    assert resumed == Refused(
        Error(code=ErrorCode.UNKNOWN_SESSION, reason="the session is over, or never was")
    )


def test_a_participant_whose_connection_is_broken_is_replaced_without_a_word_to_it(
    rooms: Rooms,
) -> None:
    watcher, former = join(rooms), join(rooms, SECRET)
    rooms.disconnect(former, left=False, now=0)
    _, effects = rooms.admit(Join(room="r", identity_secret=SECRET))
    assert not any(isinstance(effect, Disconnect) for effect in effects)
    kinds = [type(message) for message in taken(rooms, watcher)]
    assert kinds == [PeerJoined, PeerLeft, PeerJoined]
    assert rooms.next_deadline() is None


def test_another_secret_replaces_nobody(rooms: Rooms) -> None:
    join(rooms, SECRET)
    outcome, effects = rooms.admit(Join(room="r", identity_secret=OTHERS_SECRET))
    assert isinstance(outcome, Admitted)
    assert isinstance(outcome.reply, Joined)
    assert [peer.member for peer in outcome.reply.peers] == ["m1"]
    assert not any(isinstance(effect, Disconnect) for effect in effects)


def test_what_the_others_see_of_an_identity_does_not_let_them_take_the_place(rooms: Rooms) -> None:
    join(rooms, SECRET)
    _, effects = rooms.admit(Join(room="r", identity_secret=identity_of(SECRET)))
    assert not any(isinstance(effect, Disconnect) for effect in effects)


def test_the_same_participant_may_be_in_two_rooms(rooms: Rooms) -> None:
    join(rooms, SECRET, room="here")
    _, effects = rooms.admit(Join(room="there", identity_secret=SECRET))
    assert effects == ()


@pytest.mark.parametrize("bounds", [{"members_per_room": 1}, {"members": 1}, {"rooms": 1}])
def test_a_participant_joins_again_where_everything_is_full(bounds: dict[str, int]) -> None:
    rooms = make(**bounds)
    join(rooms, SECRET)
    outcome, _ = rooms.admit(Join(room="r", identity_secret=OTHERS_SECRET))
    assert isinstance(outcome, Refused) or "rooms" in bounds
    outcome, _ = rooms.admit(Join(room="r", identity_secret=SECRET))
    assert isinstance(outcome, Admitted)


@pytest.mark.parametrize("said", [True, False], ids=["its page says so", "its page says nothing"])
def test_a_page_reloaded_a_thousand_times_leaves_nothing_at_the_server(
    rooms: Rooms, said: bool
) -> None:
    def sizes() -> list[int]:
        tables = (getattr(rooms, field.name) for field in dataclasses.fields(rooms))
        return [len(table) for table in tables if isinstance(table, dict)]

    watcher, page = join(rooms), join(rooms, SECRET)
    before, told = sizes(), 0
    for _ in range(1000):
        if said:
            rooms.disconnect(page, left=True, now=0)
        page = join(rooms, SECRET)
        told += len(taken(rooms, watcher))
        rooms.receive(watcher, encode(Ack(received=told)))
    assert told == 1 + 2 * 1000
    assert (sizes(), rooms.load().connected, rooms.next_deadline()) == (before, 2, None)


def test_others_are_told_who_may_return_and_who_has_left(rooms: Rooms) -> None:
    watcher = join(rooms)
    leaver, broken, stranger, kicked = (
        join(rooms, SECRET),
        join(rooms, OTHERS_SECRET),
        join(rooms),
        join(rooms, "a secret of a third one"),
    )
    taken(rooms, watcher)
    rooms.disconnect(leaver, left=True, now=0)
    for each in (broken, stranger):
        rooms.disconnect(each, left=False, now=0)
    rooms.expire(1000)
    rooms.expel(kicked, ErrorCode.MALFORMED, "")
    left = [message for message in taken(rooms, watcher) if isinstance(message, PeerLeft)]
    assert [(each.member, each.may_return) for each in left] == [
        ("m2", False),
        ("m3", True),
        ("m4", False),
        ("m5", False),
    ]
