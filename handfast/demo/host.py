"""The Python peer of the demo: a member of the room that answers every page."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from handfast.demo.visit import Visit
from peer import PeerError
from peer.values import replace
from signaling import ChannelLost, SignalingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from handfast.demo.clips import ClipFolder
    from handfast.demo.traces import TraceFolder
    from peer import PeerConfiguration
    from peer.tracing.file import TraceWriter
    from signaling import PeerChannel, Room

_logger = logging.getLogger(__name__)


class Host:
    """Answers the pages of one room, each by a `Visit`; the room server bounds their number.

    Args:
        room: The room, joined already.
        configuration: Configuration of every connection.
        timeout: Seconds that a page has to make its call.
        clips: Folder for the recordings that pages ask for.
        traces: Folder for a trace of each call; None saves none.
    """

    def __init__(
        self,
        room: Room,
        configuration: PeerConfiguration,
        *,
        timeout: float,
        clips: ClipFolder,
        traces: TraceFolder | None = None,
    ) -> None:
        self._room = room
        self._traces = traces
        self._clips = clips
        self._configuration = configuration
        self._timeout = timeout
        self._visits: dict[str, Visit] = {}
        self._changed = asyncio.Event()

    @property
    def visits(self) -> tuple[Visit, ...]:
        """Visits that go on at present, the oldest first."""
        return tuple(self._visits.values())

    async def until(self, condition: Callable[[tuple[Visit, ...]], bool]) -> None:
        """Wait until a condition on the visits holds, checked whenever one begins or ends."""
        while not condition(self.visits):
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Answer pages until cancelled, or until the room is gone; every visit has ended then.

        Raises:
            ChannelLost: The room server went away.
        """
        lost: ChannelLost | None = None
        async with asyncio.TaskGroup() as calls:
            try:
                async for channel in self._room.channels():
                    calls.create_task(self._receive(channel))
            except ChannelLost as error:
                # With the room every channel has ended, and so every call is about to.
                lost = error
        if lost is not None:
            raise lost

    async def _receive(self, channel: PeerChannel) -> None:
        trace = self._open_trace()
        configuration = replace(self._configuration, iceServers=self._room.ice_servers)
        visit = Visit(channel, configuration, timeout=self._timeout, clips=self._clips, trace=trace)
        self._visits[channel.peer.member] = visit
        self._changed.set()
        reason = ""
        try:
            await visit.run()
        except asyncio.CancelledError:
            reason = "the demo was stopped"
            raise
        except TimeoutError:
            reason = "no call came"
        except (PeerError, SignalingError) as error:
            reason = str(error)
        except Exception:
            # One page must not end the calls of the others, whatever it has found in us.
            _logger.exception("a call failed by a fault of ours")
            reason = "a fault on this side; its terminal says more"
        finally:
            if trace is not None:
                trace.close()
            await channel.close(reason)
            del self._visits[channel.peer.member]
            self._changed.set()

    def _open_trace(self) -> TraceWriter | None:
        try:
            return self._traces.writer() if self._traces is not None else None
        except OSError as error:
            # A full disk is no reason to answer nobody.
            _logger.warning("the trace of a call is not saved: %s", error)
            return None
