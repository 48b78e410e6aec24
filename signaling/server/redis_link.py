"""Connections of one room server to Redis: commands with patience, messages, and health."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from peer.printable import printable
from signaling.errors import InsecureUrlError
from signaling.server.events import ServerEvent, tell

if TYPE_CHECKING:
    from redis.asyncio import Redis

_logger = logging.getLogger(__name__)

#: What the names of all keys and channels begin with; the braces keep them in one slot.
_BASE: Final = "{handfast}:"
#: Most connections to Redis, one of them for messages (ours).
_CONNECTIONS: Final = 16
#: Seconds that Redis may take to answer before it is asked over another connection (ours).
_ANSWER_TIMEOUT: Final = 2.0
#: Seconds without a message after which the connection for messages is opened anew (ours): each
#: look at the clock brings one.
_SILENCE: Final = 10.0
#: Seconds between two attempts while Redis is away (ours).
_RETRY: Final = 0.25


class UnavailableError(Exception):
    """Redis does not answer, and did not for as long as was waited."""


def check_redis_url(url: str) -> None:
    """Check that nobody on the way to Redis can read sessions or change messages.

    Raises:
        ValueError: It is not a URL of Redis.
        InsecureUrlError: It leads beyond this machine without TLS that shows whose server it is.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"this is no URL of Redis: {error}") from error
    # What is between `//` and `@` is a secret, and not said.
    shown = printable(f"{parts.scheme}://{host}")
    if parts.scheme == "unix" and parts.path:
        return
    if parts.scheme not in ("redis", "rediss") or not host:
        raise ValueError(f"a URL of Redis is rediss://host:port/database, not {shown!r}")
    if _is_loopback(host):
        return
    if parts.scheme == "redis":
        raise InsecureUrlError(f"{shown!r} would carry sessions and messages unprotected: rediss:")
    options = parse_qs(parts.query)
    for name, wanted in (("ssl_cert_reqs", "required"), ("ssl_check_hostname", "true")):
        if any(value.lower() != wanted for value in options.get(name, ())):
            raise InsecureUrlError(f"{shown!r} is not asked whose server it is: {name}={wanted}")


def check_redis_library() -> None:
    """Check that redis-py is installed.

    Raises:
        ImportError: It is not.
    """
    if importlib.util.find_spec("redis") is None:
        raise ImportError("rooms that servers share need redis-py: pip install 'handfast[redis]'")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tell_defect(task: asyncio.Task[None]) -> None:
    """Log the exception of a task that nobody awaits: it was to run for ever."""
    if not task.cancelled() and task.exception() is not None:
        _logger.error("%s ended by a defect", task.get_name(), exc_info=task.exception())


class RedisLink:
    """Runs the operations of redis_rooms.lua, and hears what they tell this server.

    Args:
        url: Of Redis, checked.
        password: For Redis, where it is not part of the URL.
        server: Name of this server among those that share the rooms.
        every: Seconds between two looks at the clock.
        look: Called so often; it shows whether Redis answers.
        on_lines: Takes what this server is told.
        on_gap: Called when some of it may have been missed.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None,
        server: str,
        every: float,
        look: Callable[[], Awaitable[None]],
        on_lines: Callable[[list[str]], None],
        on_gap: Callable[[], None],
    ) -> None:
        # An extra: a server that keeps its rooms in the process does not need it.
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError

        given = {} if password is None else {"password": password}
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_ANSWER_TIMEOUT,
            socket_timeout=_ANSWER_TIMEOUT,
            socket_connect_timeout=_ANSWER_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            protocol=2,
            **given,
        )
        self._redis: Redis = Redis.from_pool(pool)
        script = files("signaling.server").joinpath("redis_rooms.lua").read_text(encoding="utf-8")
        self._script = self._redis.register_script(script)
        self._problems = (RedisError, OSError)
        self._channel = f"{_BASE}server:{server}"
        self._every = every
        self._look = look
        self._on_lines = on_lines
        self._on_gap = on_gap
        self._up = asyncio.Event()
        self._doubted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._commands: set[asyncio.Future[Any]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<RedisLink {'up' if self.up else 'away'}>"

    @property
    def up(self) -> bool:
        """True while Redis answers."""
        return self._up.is_set() and not self._closed

    def open(self) -> None:
        """Connect, and connect again whenever it breaks, until `close`."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._watch(), name="redis health"),
                asyncio.create_task(self._listen(), name="redis messages"),
            ]
            for task in self._tasks:
                task.add_done_callback(tell_defect)

    async def close(self) -> None:
        """Close all connections to Redis, and let nobody wait for it any longer."""
        self._closed = True
        # Whoever waits for Redis need not wait any longer.
        self._up.set()
        pending = {*self._tasks, *self._commands}
        while pending:
            # Again and again, as a cancellation may be lost: see `run`.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_RETRY)
        with suppress(*self._problems):
            await self._redis.aclose()

    async def run(self, *arguments: str | float) -> list[str]:
        """Run an operation once.

        Raises:
            UnavailableError: Redis does not answer; it may run the operation all the same.
        """
        if self._closed:
            raise UnavailableError("this server has closed its connections to Redis")
        # Apart from the caller, whose cancellation may be lost in redis-py: `asyncio.wait_for`
        # returns all the same where what it waits for is done (Python 3.11, gh-86296).
        command = asyncio.ensure_future(self._script(keys=[_BASE], args=arguments))
        self._commands.add(command)
        command.add_done_callback(self._finish)
        try:
            reply: list[Any] = await asyncio.shield(command)
        except self._problems as error:
            self._fall(error)
            raise UnavailableError(str(error)) from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if command.cancelled() and (task is None or not task.cancelling()):
                # By `close`: nobody has cancelled the caller.
                raise UnavailableError("this server closes its connections to Redis") from None
            raise
        return [str(part) for part in reply]

    def _finish(self, command: asyncio.Future[Any]) -> None:
        self._commands.discard(command)
        # The caller may be gone, and asyncio would complain that nobody asked.
        if not command.cancelled():
            command.exception()

    async def insist(self, *arguments: str | float, patience: float) -> list[str]:
        """Run an operation, and run it again while Redis is away.

        Raises:
            UnavailableError: It has been away for `patience` seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            try:
                async with asyncio.timeout_at(end):
                    await self._up.wait()
            except TimeoutError:
                raise UnavailableError("Redis is away") from None
            try:
                return await self.run(*arguments)
            except UnavailableError:
                if self._closed or loop.time() >= end:
                    raise
                await asyncio.sleep(_RETRY)

    async def _watch(self) -> None:
        while not self._closed:
            self._doubted.clear()
            try:
                await self._look()
            except UnavailableError:
                await asyncio.sleep(_RETRY)
                continue
            if not self.up:
                tell(ServerEvent.REDIS_ANSWERS)
                self._up.set()
                self._on_gap()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._doubted.wait()

    async def _listen(self) -> None:
        while not self._closed:
            with suppress(*self._problems):
                async with self._redis.pubsub() as messages:
                    await messages.subscribe(self._channel)
                    while (message := await messages.get_message(timeout=_SILENCE)) is not None:
                        match message["type"]:
                            case "subscribe":
                                self._on_gap()
                            case "message":
                                self._on_lines(message["data"].split("\n"))
            await asyncio.sleep(_RETRY)

    def _fall(self, error: BaseException) -> None:
        if self.up:
            tell(ServerEvent.REDIS_AWAY, reason=str(error))
        self._up.clear()
        self._doubted.set()
