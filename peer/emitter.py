"""Calls the handlers of events by name, each event name known beforehand.

An unknown name is refused with the list of those that exist, so that a slip of the keyboard is an
error where it was made and not a handler that is never called. Classes that emit have an `on` of
their own, typed for each event, over an `EventEmitter` inside.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

from peer.tasks import BackgroundTasks

if TYPE_CHECKING:
    from collections.abc import Iterable

_logger = logging.getLogger(__name__)

#: A function or a coroutine function; what else it returns is passed over.
Handler = Callable[..., object]

_E = TypeVar("_E")
_R = TypeVar("_R")
_H = TypeVar("_H", bound=Handler)

#: A handler of one event, with its argument.
Takes: TypeAlias = Callable[[_E], object]


class Decorator(Protocol[_E]):
    """The result of `@emitter.on("name")` for an event with an argument of one type."""

    def __call__(self, handler: Callable[[_E], _R], /) -> Callable[[_E], _R]:
        """Add the handler and return it as it is."""


class PlainDecorator(Protocol):
    """The result of `@emitter.on("name")` for an event without an argument."""

    def __call__(self, handler: Callable[[], _R], /) -> Callable[[], _R]:
        """Add the handler and return it as it is."""


def _nothing_expected(error: BaseException) -> bool:
    return False


class EventEmitter:
    """Calls handlers in the order in which they were added, on the event loop.

    A handler is a function, or a coroutine function whose calls run as tasks. An exception of a
    handler goes to the exception handler of the event loop with its traceback, each time: it is a
    fault of the program, and the emitting object goes on.

    Args:
        owner: Name of the emitting class, for errors.
        events: Every event name, in the order in which errors list them.
        is_expected: Says of an exception of a coroutine handler that it is no fault.
    """

    def __init__(
        self,
        owner: str,
        events: Iterable[str],
        is_expected: Callable[[BaseException], bool] = _nothing_expected,
    ) -> None:
        self._owner = owner
        # Never changed in place: a handler may add others while it is called, and most have none.
        self._handlers: dict[str, tuple[Handler, ...]] = dict.fromkeys(map(str, events), ())
        self._tasks = BackgroundTasks(is_expected)
        #: True to take handlers of any event, as pyee does, for programs written for aiortc.
        self.takes_any_event = False

    def on(self, event: str, handler: _H) -> _H:
        """Add a handler, and return it.

        Raises:
            ValueError: The owner has no event of that name.
            TypeError: The handler cannot be called.
        """
        handlers = self._of(event)
        if not callable(handler):
            raise TypeError(f"a handler is a function, not {type(handler).__name__}")
        self._handlers[event] = (*handlers, handler)
        return handler

    def subscribe(self, event: str, handler: Any = None) -> Any:
        """Add a handler, or return a decorator that adds one: the two forms of every `on`.

        Raises:
            ValueError: The owner has no event of that name.
        """
        if handler is not None:
            return self.on(event, handler)
        self._of(event)
        return lambda handler: self.on(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed.

        Raises:
            ValueError: The owner has no event of that name.
        """
        handlers = self._of(event)
        if handler in handlers:
            place = handlers.index(handler)
            self._handlers[event] = handlers[:place] + handlers[place + 1 :]

    def has_listeners(self, event: str) -> bool:
        """Tell whether an event has a handler.

        Raises:
            ValueError: The owner has no event of that name.
        """
        return bool(self._of(event))

    def listeners(self, event: str) -> list[Handler]:
        """List the handlers of an event, in the order in which they are called.

        Raises:
            ValueError: The owner has no event of that name.
        """
        return list(self._of(event))

    def subscribed(self) -> set[str]:
        """Return the events that have a handler."""
        return {event for event, handlers in self._handlers.items() if handlers}

    def emit(self, event: str, *arguments: object) -> bool:
        """Call the handlers of an event now; coroutine handlers run as tasks.

        Returns:
            Whether there was a handler.
        """
        handlers = self._of(event)
        for handler in handlers:
            try:
                result = handler(*arguments)
            except Exception as error:
                _report(f"a handler of {self._owner} {str(event)!r} raised", error)
                continue
            if inspect.iscoroutine(result):
                self._tasks.spawn(result, f"handler of {self._owner} {str(event)!r}")
        return bool(handlers)

    def clear(self) -> None:
        """Take every handler away; handlers that run go on."""
        self._handlers = dict.fromkeys(self._handlers, ())

    def release(self, task: asyncio.Task[Any] | None) -> None:
        """Let one handler's task live on through `close`, because it is the one that closes."""
        self._tasks.release(task)

    async def join(self) -> None:
        """Wait until the coroutine handlers that run have ended by themselves."""
        await self._tasks.join()

    async def close(self) -> None:
        """Take every handler away, and cancel the coroutine handlers that run."""
        self.clear()
        # A handler that was just called has at least begun.
        await asyncio.sleep(0)
        await self._tasks.close()

    def _of(self, event: str) -> tuple[Handler, ...]:
        try:
            return self._handlers[event]
        except (KeyError, TypeError):
            if self.takes_any_event:
                return ()
            names = ", ".join(repr(name) for name in self._handlers)
            raise ValueError(
                f"{self._owner} has no event {event!r}; its events are {names}"
            ) from None


class _Once:
    """A handler that takes itself away when it is called.

    Args:
        emitter: The emitter that has it.
        event: The event that it is added for.
        handler: The handler that is called.
    """

    def __init__(self, emitter: EventEmitter, event: str, handler: Handler) -> None:
        self._emitter = emitter
        self._event = event
        self.handler = handler

    def __call__(self, *arguments: object) -> object:
        """Call the handler, for the last time."""
        self._emitter.remove_listener(self._event, self)
        return self.handler(*arguments)


def _given(handler: Handler) -> Handler:
    """Return a handler as the program has given it."""
    return handler.handler if isinstance(handler, _Once) else handler


class PyeeEvents:
    """Event subscription of a class that inherits pyee's from aiortc, with unknown names refused.

    To be named before the base class of aiortc, whose own events then pass through here.

    Attributes:
        event_names_of_class: Every event name of the class.
    """

    event_names_of_class: ClassVar[tuple[str, ...]]

    @property
    def _emitter(self) -> EventEmitter:
        # aiortc's constructors may emit before ours has run.
        found = self.__dict__.get("_event_emitter")
        if found is None:
            found = EventEmitter(type(self).__name__, self.event_names_of_class)
            self.__dict__["_event_emitter"] = found
        emitter: EventEmitter = found
        return emitter

    def add_listener(self, event: str, f: Any) -> Any:
        """Add a handler, as `on` does; the name that pyee has beside it."""
        return self._emitter.on(event, f)

    def once(self, event: str, f: Any = None) -> Any:
        """Add a handler that is called at the next such event only."""

        def add(handler: Handler) -> Handler:
            self._emitter.on(event, _Once(self._emitter, event, handler))
            return handler

        return add if f is None else add(f)

    def remove_listener(self, event: str, f: Any) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        for handler in self._emitter.listeners(event):
            if f in (handler, _given(handler)):
                self._emitter.remove_listener(event, handler)
                return

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Take every handler away, or those of one event; aiortc does so after the last event."""
        if event is None:
            self._emitter.clear()
        else:
            for handler in self._emitter.listeners(event):
                self._emitter.remove_listener(event, handler)

    def listeners(self, event: str) -> list[Handler]:
        """List the handlers of an event, in the order in which they are called."""
        return [_given(handler) for handler in self._emitter.listeners(event)]

    def event_names(self) -> set[str]:
        """Return the events that have a handler."""
        return self._emitter.subscribed()

    def listens_to(self, event: str) -> Any:
        """Return a decorator that adds a handler, as `on` does; pyee has this name as well."""
        return self._emitter.subscribe(event)

    def take_any_event(self) -> None:
        """Take handlers of any event from now on, as pyee does."""
        self._emitter.takes_any_event = True

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Call the handlers of an event; for aiortc, not for programs."""
        return self._emitter.emit(event, *args)


def _report(message: str, error: Exception) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _logger.error("%s", message, exc_info=error)
        return
    loop.call_exception_handler({"message": message, "exception": error})
