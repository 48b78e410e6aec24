"""Runner of a bot that joins its room and returns to it until its process is told to end."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import math
from typing import TYPE_CHECKING, Final

from peer.printable import printable
from signaling.backoff import Reconnect
from signaling.errors import ChannelLost, ConnectError, ErrorCode, JoinError
from signaling.opening import Opening
from signaling.participant import shown
from signaling.signals import stopped_by_signals
from signaling.tasks import first_of
from signaling.websocket import check_url, join

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from peer import PeerConfiguration
    from signaling.joining import Joining
    from signaling.link import Token
    from signaling.room import Room
    from signaling.room_events import ParticipantLeft, RoomBack

_logger = logging.getLogger(__name__)

_print: Final = functools.partial(print, flush=True)
#: Policy of a bot in its room, and between two tries to join: without end.
_POLICY: Final = Reconnect(timeout=math.inf, first_delay=0.2, longest_delay=5.0)
#: Refusals of the first join that no waiting mends.
_FINAL: Final = frozenset(
    {ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN, ErrorCode.MALFORMED, ErrorCode.TOO_LARGE}
)
#: Seconds in a room after which its loss is no refusal to stay (ours).
_STEADY: Final = 60.0
#: Seconds that a bot which sent too fast stays away (ours).
_COOLING: Final = 60.0


async def run_forever(
    bot: Callable[[Room], object],
    url: str,
    *,
    room: str,
    name: str = "",
    token: Token = None,
    ssl: SSLContext | None = None,
    insecure: bool = False,
    configuration: PeerConfiguration | None = None,
    opening: Opening = Opening.OFFER,
    say: Callable[[str], object] | None = _print,
) -> None:
    """Keep a bot in a room until the process gets SIGTERM or SIGINT.

    The server may be there later, go away, or restart: the bot joins again, without end, and its
    connections live on meanwhile. At a signal the room is left, and handlers of its events have 10
    seconds to complete their work; a second signal ends the process at once.

    Args:
        bot: Called with the room whenever there is another one, seldom more than once; adds
            handlers. A coroutine function runs beside them, and is cancelled when the room is left;
            what it raises ends everything.
        url: As for `join`, as are the following.
        room: Name of the room.
        name: The name that other members see.
        token: What shows that we may join.
        ssl: TLS context for `wss:`.
        insecure: Allow a plain `ws:` URL to another machine.
        configuration: Configuration of the connections.
        opening: As for `join`.
        say: Called with a sentence about whatever happens; prints by default.

    Raises:
        ConnectError: `url` can never be used.
        JoinError: The server does not let this bot into the room.
    """
    check_url(url, trusting=ssl is not None, insecure=insecure)

    def enter() -> Joining:
        return join(
            url,
            room=room,
            name=name,
            token=token,
            ssl=ssl,
            reconnect=_POLICY,
            insecure=insecure,
            configuration=configuration,
            opening=opening,
        )

    stop = asyncio.Event()
    stay = _Stay(bot, enter, room, say)
    with stopped_by_signals(stop):
        await first_of(stay.run(), stay.leave_after(stop))


class _Stay:
    """The stay of a bot in a room, through any number of memberships."""

    def __init__(
        self,
        bot: Callable[[Room], object],
        enter: Callable[[], Joining],
        room: str,
        say: Callable[[str], object] | None,
    ) -> None:
        self._bot = bot
        self._enter = enter
        self._room = room
        self._say_to = say
        self._was_in = False

    async def run(self) -> None:
        """Join whenever the bot is not in its room."""
        loop = asyncio.get_running_loop()
        delays = _POLICY.delays()
        while True:
            began = loop.time()
            too_fast = False
            try:
                async with self._enter() as room:
                    self._was_in = True
                    self._say(f"In the room {self._room}.")
                    self._tell_of(room)
                    await _attend(self._bot, room)
                    return
            except JoinError as error:
                if error.code in _FINAL and not self._was_in:
                    raise
                problem = str(error)
            except (ConnectError, ChannelLost) as error:
                problem = str(error)
                too_fast = isinstance(error, ChannelLost) and error.code is ErrorCode.TOO_FAST
            if loop.time() - began >= _STEADY:
                delays = _POLICY.delays()
            delay = max(next(delays), _COOLING if too_fast else 0.0)
            self._say(f"Not in the room {self._room}: {problem}. Next try in {delay:.1f} s.")
            await asyncio.sleep(delay)

    async def leave_after(self, stop: asyncio.Event) -> None:
        """Return once the process is told to end, which ends the stay."""
        await stop.wait()
        self._say(f"Leaving the room {self._room}.")

    def _tell_of(self, room: Room) -> None:
        room.on("participantjoined", lambda who: self._say(f"{shown(who)} came."))
        room.on("participantaway", lambda who: self._say(f"{shown(who)} is away."))
        room.on("participantback", lambda who: self._say(f"{shown(who)} is back."))
        room.on("participantleft", self._tell_who_left)
        room.on("away", self._tell_that_server_is_away)
        room.on("back", self._tell_that_server_is_back)

    def _tell_who_left(self, left: ParticipantLeft) -> None:
        verb = "is gone" if left.error is None else "was lost"
        self._say(f"{shown(left.participant)} {verb}: {printable(left.reason)}.")

    def _tell_that_server_is_away(self, reason: str) -> None:
        self._say(f"The room's server is away: {printable(reason)}.")

    def _tell_that_server_is_back(self, back: RoomBack) -> None:
        how = ", and the room joined again" if back.rejoined else ""
        self._say(f"The room's server is back after {back.seconds:.1f} s{how}.")

    def _say(self, sentence: str) -> None:
        _logger.info("bot: %s", sentence)
        if self._say_to is not None:
            self._say_to(sentence)


async def _attend(bot: Callable[[Room], object], room: Room) -> None:
    """Let the bot work in the room until it is over."""
    work = bot(room)
    if not inspect.iscoroutine(work):
        await room.closed()
        return
    tasks = (asyncio.create_task(work), asyncio.create_task(room.closed()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0] in done:
            # A bot may return at once, with handlers that work on.
            await tasks[0]
        await tasks[1]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
