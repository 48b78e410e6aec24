"""A SIP user agent over a real transport, without media: for loads, and for lossy paths."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from signaling.sip.errors import SipTransportError
from signaling.sip.transport.events import SipMessageReceived, SipMessageRefused
from signaling.sip.user_agent import Told, UserAgent

if TYPE_CHECKING:
    from collections.abc import Callable

    from signaling.sip.agent_port import AgentSettings, Authenticator
    from signaling.sip.transport.interface import SipTransport


class AgentShell:
    """Sends and receives for a user agent, and hands its events to the test.

    Args:
        transport: Its transport; the shell closes it.
        aor: Its address of record.
        react: Called with each event; what it commands is sent after it.
        settings: Settings of the user agent.
        authenticator: Its answers to challenges.
    """

    def __init__(
        self,
        transport: SipTransport,
        aor: str,
        *,
        react: Callable[[Told], None],
        settings: AgentSettings | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._transport = transport
        self._react = react
        self._timers = asyncio.Event()
        self.agent = UserAgent(
            via=transport.via,
            contact=f"<{transport.contact}>",
            aor=f"<{aor}>",
            clock=self._now,
            settings=settings,
            authenticator=authenticator,
        )
        self._tasks = [asyncio.create_task(each) for each in (self._receive(), self._run_timers())]

    async def __aenter__(self) -> AgentShell:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()
        # A task that failed says so here: nothing else would.
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    async def flush(self) -> None:
        """Send what commands have left behind, and hand out events, until there is no more."""
        while outputs := self.agent.take():
            for output in outputs:
                if isinstance(output, Told):
                    self._react(output)
                    continue
                try:
                    await self._transport.send(output.message, output.flow)
                except SipTransportError:
                    self.agent.sending_failed(output.message)
        self._timers.set()

    async def _receive(self) -> None:
        async for event in self._transport.events():
            match event:
                case SipMessageReceived(message, flow):
                    self.agent.receive(message, flow)
                case SipMessageRefused(error, flow):
                    self.agent.refuse(error, flow)
                case _:
                    pass
            await self.flush()

    def _now(self) -> float:
        # asyncio fires a timer a nanosecond early, where virtual time then stands still.
        return asyncio.get_running_loop().time() + 1e-6

    async def _run_timers(self) -> None:
        while True:
            self._timers.clear()
            due = self.agent.next_time()
            if due is not None and due <= self._now():
                self.agent.advance()
                await self.flush()
                continue
            try:
                async with asyncio.timeout_at(due):
                    await self._timers.wait()
            except TimeoutError:
                pass
