"""What a server asks of the mailboxes in Redis, without a Redis."""

from __future__ import annotations

import asyncio

import pytest

from signaling.errors import ErrorCode
from signaling.messages import Bye, Join, encode
from signaling.server import Limits, RedisBackplane
from signaling.server.rooms import Admitted, ConnectionId, Disconnect, Effects
from tests.support.clock.virtual_time import in_virtual_time

#: Frames that one look into a mailbox gives at most.
_FETCHED = 32


class Mailbox(RedisBackplane):
    """A backplane with one member, whose mailbox is here."""

    def __init__(self, limits: Limits) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.ends: list[ErrorCode] = []
        self.bind(limits, lambda _: (), self._note)
        #: Whether Redis knows the member no more.
        self.gone = False
        #: Whether it tells of the end of the member before it answers the join.
        self.replaced_at_once = False
        self.waiting: list[str] = []
        #: Number of the last frame that was had, as each look said it.
        self.looks: list[int] = []

    async def _insist(self, operation: str, *arguments: str | float, patience: float) -> list[str]:
        if self.gone:
            return ["gone"]
        if operation == "join":
            if self.replaced_at_once:
                self.tell("end", "replaced by another connection")
            return ["ok"]
        assert operation == "fetch"
        *_, taken, most = arguments
        self.looks.append(int(taken))
        frames = self.waiting[int(taken) : int(taken) + int(most)]
        return ["ok", *frames]

    def _note(self, effects: Effects) -> None:
        self.ends += [effect.error.code for effect in effects if isinstance(effect, Disconnect)]

    async def member(self, *, resumable: bool) -> ConnectionId:
        admitted = await self.admit(Join(room="r", resumable=resumable))
        assert isinstance(admitted, Admitted)
        return admitted.connection_id

    def post(self, frame: str) -> None:
        """Let another server have put a frame into the mailbox."""
        self.waiting.append(frame)
        self.tell("wake")

    def tell(self, kind: str, why: str = "") -> None:
        """Let Redis tell something of the member."""
        self._hear([f"{kind} {self._server}.0 {why}"])

    async def send_all(self, connection_id: ConnectionId) -> list[str]:
        """Do as a `MemberConnection` does that writes what there is."""
        sent = []
        while True:
            while (frame := self.take(connection_id)) is not None:
                sent.append(frame)
            if not (self.more(connection_id) and await self.fetch(connection_id)):
                return sent


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_message_takes_one_look_into_the_mailbox(resumable: bool) -> None:
    mailbox = Mailbox(Limits())
    member = await mailbox.member(resumable=resumable)
    mailbox.waiting = ["one"]
    assert await mailbox.send_all(member) == ["one"]
    assert mailbox.looks == [0]


async def test_a_full_look_is_followed_by_another() -> None:
    mailbox = Mailbox(Limits())
    member = await mailbox.member(resumable=True)
    mailbox.waiting = [str(number) for number in range(_FETCHED + 1)]
    assert await mailbox.send_all(member) == mailbox.waiting
    assert mailbox.looks == [0, _FETCHED]


@pytest.mark.parametrize(
    ("limits", "frame", "most"),
    [
        (Limits(backlog_messages=40), "x", 10),
        (Limits(backlog_size=4000), "x" * 100, 10),
        # Octets, and not characters.
        (Limits(backlog_size=4000), "ä" * 100, 5),
    ],
    ids=["frames", "octets", "no characters"],
)
async def test_what_a_member_without_a_session_has_had_is_forgotten_before_it_is_in_the_way(
    limits: Limits, frame: str, most: int
) -> None:
    mailbox = Mailbox(limits)
    member = await mailbox.member(resumable=False)
    had = 0
    for number in range(1, 100):
        mailbox.post(frame)
        sent = await mailbox.send_all(member)
        had += len(sent)
        assert had == number
        assert had - mailbox.looks[-1] <= most


async def test_what_is_in_the_way_is_forgotten_at_once() -> None:
    mailbox = Mailbox(Limits(backlog_size=4000))
    member = await mailbox.member(resumable=False)
    mailbox.waiting = ["x" * 3000]
    assert await mailbox.send_all(member) == mailbox.waiting
    assert mailbox.looks == [0, 1]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("asked", ["relay", "fetch"])
def test_who_is_gone_is_told_why_where_redis_says_it_a_moment_later(told: bool, asked: str) -> None:
    @in_virtual_time
    async def run() -> None:
        mailbox = Mailbox(Limits())
        member = await mailbox.member(resumable=True)
        mailbox.gone = True
        asking = (
            mailbox.receive(member, encode(Bye())) if asked == "relay" else mailbox.fetch(member)
        )
        task = asyncio.ensure_future(asking)
        await asyncio.sleep(0.1)
        assert mailbox.ends == []
        if told:
            mailbox.tell("end", "replaced by another connection")
        await task
        # Nothing is acknowledged that was not kept.
        assert mailbox.take(member) is None
        assert mailbox.ends == [ErrorCode.REPLACED if told else ErrorCode.UNKNOWN_SESSION]

    run()


async def test_who_is_replaced_before_its_join_is_answered_is_told_so_after_that() -> None:
    mailbox = Mailbox(Limits())
    mailbox.replaced_at_once = True
    member = await mailbox.member(resumable=True)
    # The server first notes that it is there.
    assert mailbox.ends == []
    await asyncio.sleep(0)
    assert mailbox.ends == [ErrorCode.REPLACED]
    assert mailbox.take(member) is None
