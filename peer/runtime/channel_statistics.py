"""Statistics of a connection and of its data channels (W3C webrtc-stats sections 8.10 and 8.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.statistics_entry import StatsEntry
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.transport.sctp.transport import DataChannel, DataTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConnectionStats(StatsEntry):
    """Statistics of the connection (RTCPeerConnectionStats).

    Args:
        dataChannelsOpened: Data channels that have opened so far.
        dataChannelsClosed: Those among them that have closed.
    """

    dataChannelsOpened: int
    dataChannelsClosed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChannelStats(StatsEntry):
    """Statistics of one data channel that has not closed (RTCDataChannelStats).

    Args:
        label: The label of the channel.
        protocol: The subprotocol of the channel; may be empty.
        dataChannelIdentifier: The id of the channel; None before it has one.
        state: The state of the channel.
        messagesSent: Messages that `send` took.
        bytesSent: Bytes of these, without headers.
        messagesReceived: Messages that were handed to the program.
        bytesReceived: Bytes of these, without headers.
    """

    label: str
    protocol: str
    dataChannelIdentifier: int | None
    state: str
    messagesSent: int
    bytesSent: int
    messagesReceived: int
    bytesReceived: int


def connection_stats(
    data: DataTransport | None, timestamp: float
) -> Iterator[PeerConnectionStats | DataChannelStats]:
    """Make the entries of the connection and of its data channels.

    Args:
        data: The transport of the data channels; None where there never was one.
        timestamp: Milliseconds since 1970.
    """
    yield PeerConnectionStats(
        id="peer-connection",
        type="peer-connection",
        timestamp=timestamp,
        dataChannelsOpened=0 if data is None else data.opened,
        dataChannelsClosed=0 if data is None else data.closed_channels,
    )
    for channel in () if data is None else data.channels:
        yield _channel(channel, timestamp)


def _channel(channel: DataChannel, timestamp: float) -> DataChannelStats:
    counts = channel.counts
    return DataChannelStats(
        # Ids of channels come late, and are used again: the object lives as long as the channel.
        id=f"data-channel-{id(channel)}",
        type="data-channel",
        timestamp=timestamp,
        label=channel.label,
        protocol=channel.protocol,
        dataChannelIdentifier=channel.id,
        state=channel.readyState.value,
        messagesSent=counts.messages_sent,
        bytesSent=counts.bytes_sent,
        messagesReceived=counts.messages_received,
        bytesReceived=counts.bytes_received,
    )
