"""Configurable bounds of the room server."""

from __future__ import annotations

from dataclasses import fields

from peer.values import dataclass
from signaling.messages import MAX_MESSAGE_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one room server. Its memory is at most `members` times `backlog_size`.

    Args:
        rooms: Rooms at one time.
        members: Members of all rooms together, those included whose connection is broken.
        members_per_room: Members of one room, at most 64.
        message_size: Bytes of one message.
        first_message_size: Bytes of the first message of a connection.
        messages_per_second: A member that sends faster for long is read slower.
        burst: Messages that it may send at once before that.
        octets_per_second: Likewise for its messages' octets, each counted for every receiver.
        octets_burst: Octets that it may cost at once before that.
        slowed_timeout: Seconds for which a member may be slowed without a pause; it is then
            disconnected as too fast.
        backlog_messages: Messages that wait for one member; more disconnect it as too slow.
        backlog_size: Characters of them together.
        faults: Malformed or unexpected messages of one member; the last one disconnects it.
        join_timeout: Seconds from the WebSocket to the first message, and as long to judge it.
        ping_interval: Seconds of silence after which a member is pinged.
        idle_timeout: Seconds of silence after which it is disconnected.
        session_lifetime: Seconds that a resumable member may be without a connection.
    """

    rooms: int = 1024
    members: int = 2048
    members_per_room: int = 16
    message_size: int = MAX_MESSAGE_SIZE
    first_message_size: int = 16 * 1024
    messages_per_second: float = 50.0
    burst: int = 200
    octets_per_second: float = 1024 * 1024
    octets_burst: int = 8 * 1024 * 1024
    slowed_timeout: float = 60.0
    backlog_messages: int = 256
    backlog_size: int = 2 * MAX_MESSAGE_SIZE
    faults: int = 3
    join_timeout: float = 5.0
    ping_interval: float = 20.0
    idle_timeout: float = 60.0
    session_lifetime: float = 30.0

    def __post_init__(self) -> None:
        for bound in fields(self):
            if not getattr(self, bound.name) > 0:
                raise ValueError(f"{bound.name} is more than 0")
        if self.members_per_room > 64:
            # One event may disconnect every member of a room, each of them in a call of its own.
            raise ValueError("members_per_room is at most 64")
        if self.ping_interval >= self.idle_timeout:
            raise ValueError("ping_interval is shorter than idle_timeout")
