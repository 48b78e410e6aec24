"""Interface of every signalling transport, ours and yours: the `Channel` protocol."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, Self

from signaling.errors import ChannelClosed, ChannelLost

if TYPE_CHECKING:
    from types import TracebackType

    from signaling.messages import PeerMessage


class Channel(Protocol):
    """A bidirectional channel to one peer: messages arrive once and in order, or the channel ends.

    An `async with` block closes it at its end; `async for message in channel` ends when the
    channel is closed by either end, and raises ChannelLost when it broke.
    """

    @abstractmethod
    async def send(self, message: PeerMessage) -> None:
        """Send one message, and wait while the channel's buffer is full.

        Raises:
            ChannelClosed: The channel has ended.
            MessageError: The message is larger than this channel carries.
        """

    @abstractmethod
    async def receive(self) -> PeerMessage:
        """Wait for the next message.

        Raises:
            ChannelClosed: The channel has ended, and all that was sent before has been received.
        """

    @abstractmethod
    async def close(self, reason: str = "") -> None:
        """Close the channel at both ends; the other end first receives all messages sent before.

        Args:
            reason: One sentence for the other end, at most 1,024 characters.
        """

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PeerMessage:
        try:
            return await self.receive()
        except ChannelLost:
            raise
        except ChannelClosed:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
