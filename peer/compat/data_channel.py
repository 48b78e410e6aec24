"""A data channel of a connection as aiortc's `RTCDataChannel`, with pyee's whole emitter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiortc.rtcdatachannel import RTCDataChannel
from pyee.asyncio import AsyncIOEventEmitter

from peer.compat.errors import OperationError, translated
from peer.errors import BufferFullError, LocalError
from peer.states import DataChannelState

if TYPE_CHECKING:
    from aiortc.rtcsctptransport import RTCSctpTransport

    from peer.transport.sctp.transport import DataChannel


class ConnectionDataChannel(RTCDataChannel):
    """A data channel whose events are `open`, `message`, `bufferedamountlow` and `close`.

    Args:
        channel: The channel of ours.
        sctp: The SCTP transport of the connection.
    """

    def __init__(self, channel: DataChannel, sctp: RTCSctpTransport) -> None:
        AsyncIOEventEmitter.__init__(self)
        self._channel = channel
        self._sctp = sctp
        self._was_open = channel.readyState is DataChannelState.OPEN
        channel.on("open", self._on_open)
        # No function of ours is in the way of a message: it may be one of 10,000 a second.
        self._send = channel.send
        channel.on("message", partial(self.emit, "message"))
        channel.on("bufferedamountlow", partial(self.emit, "bufferedamountlow"))
        channel.on("close", self._on_close)

    def __repr__(self) -> str:
        return f"<ConnectionDataChannel of {self._channel!r}>"

    @property
    def bufferedAmount(self) -> int:
        """The bytes that wait to be sent."""
        return self._channel.bufferedAmount

    @property
    def bufferedAmountLowThreshold(self) -> int:
        """The bytes at which `bufferedamountlow` fires, when `bufferedAmount` falls to them."""
        return self._channel.bufferedAmountLowThreshold

    @bufferedAmountLowThreshold.setter
    def bufferedAmountLowThreshold(self, value: int) -> None:
        self._channel.bufferedAmountLowThreshold = value

    @property
    def negotiated(self) -> bool:
        """True where both ends make the channel, with the same id."""
        return self._channel.negotiated

    @property
    def id(self) -> int | None:
        """The stream id of the channel; None before it is chosen."""
        return self._channel.id

    @property
    def label(self) -> str:
        """The name of the channel."""
        return self._channel.label

    @property
    def ordered(self) -> bool:
        """True where messages arrive in their order."""
        return self._channel.ordered

    @property
    def maxPacketLifeTime(self) -> int | None:
        """The milliseconds during which a message is sent again."""
        return self._channel.maxPacketLifeTime

    @property
    def maxRetransmits(self) -> int | None:
        """The number of times that a message is sent again."""
        return self._channel.maxRetransmits

    @property
    def protocol(self) -> str:
        """The name of the subprotocol."""
        return self._channel.protocol

    @property
    def readyState(self) -> str:
        """The state of the channel: `connecting`, `open`, `closing` or `closed`.

        aiortc's is closed at once where it is closed before it was open.
        """
        state = self._channel.readyState
        if state is DataChannelState.CLOSING and not self._was_open:
            return DataChannelState.CLOSED.value
        return state.value

    @property
    def transport(self) -> RTCSctpTransport:
        """The SCTP transport of the connection."""
        return self._sctp

    def close(self) -> None:
        """Close the channel at both ends."""
        self._channel.close()

    def send(self, data: bytes | str) -> None:
        """Send a message to the peer.

        Raises:
            InvalidStateError: The channel is not open.
            ValueError: The message is neither text nor bytes, or larger than the peer takes.
            OperationError: Too much waits to be sent; aiortc has no bound.
        """
        try:
            self._send(data)
        except BufferFullError as error:
            raise OperationError(str(error)) from error
        except TypeError as error:
            raise ValueError(f"Cannot send unsupported data type: {type(data)}") from error
        except LocalError as error:
            raise translated(error) from error

    def _on_open(self) -> None:
        self._was_open = True
        self.emit("open")

    def _on_close(self) -> None:
        self.emit("close")
        self.remove_all_listeners()
