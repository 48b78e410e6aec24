"""The STUN attributes of embedded DTLS datagrams, which aioice does not know by itself.

Both are comprehension-optional: a peer that does not know them passes them over (RFC 8489 section
14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice import stun

from peer.transport.wire.stun_embedding import (
    ACKNOWLEDGEMENT_ATTRIBUTE,
    DATAGRAM_ATTRIBUTE,
    EmbeddedDtls,
    EmbeddingState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice import Connection

    from peer.transport.wire.stun_embedding import StunEmbedding

for _number, _name in ((0xC070, DATAGRAM_ATTRIBUTE), (0xC071, ACKNOWLEDGEMENT_ATTRIBUTE)):
    _entry = (_number, _name, stun.pack_bytes, stun.unpack_bytes)
    stun.ATTRIBUTES_BY_TYPE[_number] = stun.ATTRIBUTES_BY_NAME[_name] = _entry


class ChecksWithDtls:
    """Embeds the handshake in the checks and answers of an ICE agent, and takes out the peer's.

    Nothing is taken of a message that is not signed with the password of the path: it could be
    anybody's.

    Args:
        agent: The agent, whose passwords sign the messages.
        embedding: The two ends' datagrams so far; None where nothing is to be embedded.
        deliver: Takes a datagram of the peer, as if it had come by the path.
    """

    def __init__(
        self,
        agent: Connection,
        embedding: StunEmbedding | None,
        deliver: Callable[[bytes], object],
    ) -> None:
        self._agent = agent
        self._embedding = embedding
        self._deliver = deliver

    def __repr__(self) -> str:
        return f"<ChecksWithDtls {self._embedding!r}>"

    def expect(self, *, is_taken: bool) -> None:
        """Embed nothing any more, unless the peer's description says that it takes it."""
        if self._embedding is not None and not is_taken:
            self._embedding.end()

    def add_to_check(self, check: stun.Message) -> None:
        """Embed a datagram of ours in a check that is not signed yet."""
        if self._embedding is not None:
            self._add(check, self._embedding.attributes())

    def add_to_answer(self, answer: stun.Message) -> None:
        """Embed a datagram of ours in a signed answer, and sign it again; leave others alone."""
        if self._embedding is None or answer.message_class is not stun.Class.RESPONSE:
            return
        embedded = self._embedding.attributes(in_answer=True)
        if embedded is not None:
            for name in ("MESSAGE-INTEGRITY", "FINGERPRINT"):
                answer.attributes.pop(name, None)
            self._add(answer, embedded)
            answer.add_message_integrity(self._agent.local_password.encode())

    def take_from_check(self, check: stun.Message) -> None:
        """Take what a check of the peer brings, before it is answered."""
        self._take(check, self._agent.local_password)

    def take_from_answer(self, answer: stun.Message) -> None:
        """Take what the answer to a check of ours brings."""
        self._take(answer, self._agent.remote_password)

    @staticmethod
    def _add(message: stun.Message, embedded: EmbeddedDtls | None) -> None:
        if embedded is not None:
            if embedded.datagram is not None:
                message.attributes[DATAGRAM_ATTRIBUTE] = embedded.datagram
            message.attributes[ACKNOWLEDGEMENT_ATTRIBUTE] = embedded.acknowledged

    def _take(self, message: stun.Message, password: str | None) -> None:
        if (
            self._embedding is None
            or self._embedding.state is EmbeddingState.OVER
            or message.message_class is stun.Class.ERROR
            or password is None
            or "MESSAGE-INTEGRITY" not in message.attributes
            or not message.check_message_integrity(password.encode())
        ):
            return
        attributes = message.attributes
        datagram = self._embedding.receive(
            EmbeddedDtls(
                attributes.get(DATAGRAM_ATTRIBUTE), attributes.get(ACKNOWLEDGEMENT_ATTRIBUTE)
            )
        )
        if datagram is not None:
            self._deliver(datagram)
