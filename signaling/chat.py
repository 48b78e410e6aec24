"""Short texts between two participants, over a data channel labelled `chat`."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from peer.errors import BufferFullError, InvalidStateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer import DataChannel, PeerConnection

_logger = logging.getLogger(__name__)

#: Label of the data channel (docs/SIGNALING.md).
LABEL: Final = "chat"
#: Most characters of a text (ours).
MAX_TEXT: Final = 16_384
#: Most texts that wait for the channel (ours).
_WAITING: Final = 256
#: Bytes in the channel's own buffer above which texts wait here (ours).
_BUFFERED: Final = 65_536


class _Text(msgspec.Struct, frozen=True):
    text: str


_DECODER: Final = msgspec.json.Decoder(_Text)


class Chat:
    """Sends and receives texts over a connection, in order, as JSON: `{"text": "..."}`.

    The channel is opened with the first text that is sent, unless the other end has opened one.

    Args:
        connection: The connection.
        on_text: Called with each text that comes.
    """

    def __init__(self, connection: PeerConnection, on_text: Callable[[str], None]) -> None:
        self._connection = connection
        self._on_text = on_text
        self._channel: DataChannel | None = None
        self._waiting: deque[str] = deque()

    def __repr__(self) -> str:
        return f"<Chat waiting={len(self._waiting)} over {self._channel!r}>"

    def send(self, text: str) -> None:
        """Send a text, at once or as soon as the channel takes it.

        Raises:
            ValueError: The text is longer than 16,384 characters.
            BufferFullError: 256 texts wait already.
            InvalidStateError: The connection is closed.
        """
        if len(text) > MAX_TEXT:
            raise ValueError(f"a text has at most {MAX_TEXT} characters, this one {len(text)}")
        if len(self._waiting) >= _WAITING:
            raise BufferFullError(f"{_WAITING} texts wait to be sent")
        if self._channel is None or self._channel.readyState in ("closing", "closed"):
            self.adopt(self._connection.createDataChannel(LABEL))
        self._waiting.append(text)
        self._pump()

    def adopt(self, channel: DataChannel) -> None:
        """Use a data channel of this label, ours or the other end's."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = _BUFFERED // 2
        channel.on("message", self._receive)
        channel.on("open", self._pump)
        channel.on("bufferedamountlow", self._pump)

    def _pump(self) -> None:
        channel = self._channel
        while (
            channel is not None
            and self._waiting
            and channel.readyState == "open"
            and channel.bufferedAmount < _BUFFERED
        ):
            data = msgspec.json.encode(_Text(self._waiting.popleft())).decode()
            try:
                channel.send(data)
            except (BufferFullError, InvalidStateError) as error:
                _logger.warning("a text is not sent: %s", error)

    def _receive(self, data: str | bytes) -> None:
        try:
            text = _DECODER.decode(data).text
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            _logger.warning("a message on the channel %r is no text: %.200s", LABEL, error)
            return
        if len(text) > MAX_TEXT:
            _logger.warning("a text of %d characters is passed over", len(text))
            return
        self._on_text(text)
