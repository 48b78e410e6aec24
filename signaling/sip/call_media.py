"""Offers and answers of one SIP call, made and taken by its PeerConnection, without trickle ICE."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, assert_never

from peer.descriptions import SdpType, SessionDescription
from peer.states import SignalingState
from signaling.sip.identity import fingerprint_lines

if TYPE_CHECKING:
    from peer import PeerConnection
    from peer.times import Seconds

_logger = logging.getLogger(__name__)

#: Seconds for candidates to be gathered before a description goes without the rest of them (ours):
#: a TURN server that does not answer must not hold up a call.
GATHERING_TIMEOUT: Final = 3.0
_ROLLBACK: Final = SessionDescription("", SdpType.ROLLBACK)


class CallMedia:
    """Offer and answer of one call.

    Nothing of a description is sent later, so that each waits for its candidates (RFC 8839
    section 4.4 has SIP carry whole descriptions).

    Args:
        connection: The connection, which the call negotiates from now on.
        gathering: Seconds that a description waits for candidates.
        is_protected: TLS protects what carries the descriptions, so that they may have keys of SDES
            where the configuration of the connection allows that.

    Attributes:
        connection: The connection.
    """

    def __init__(
        self,
        connection: PeerConnection,
        *,
        gathering: Seconds = GATHERING_TIMEOUT,
        is_protected: bool = False,
    ) -> None:
        connection.note_signaling(protected=is_protected)
        self.connection = connection
        self._gathering, self._is_protected = gathering, is_protected
        self._signed: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<CallMedia {self.connection!r}>"

    @property
    def is_signed(self) -> bool:
        """Tell if the peer has a signature over what we have described; True where we sign nothing.

        An answer has no place for one: the next offer has (RFC 8862).
        """
        described = self.connection.localDescription
        return (
            described is None
            or not described.identity
            or fingerprint_lines(described.sdp) <= self._signed
        )

    def note_signed(self, described: SessionDescription) -> None:
        """Take note of an offer of ours that went out in a request, which holds its signature."""
        if described.identity:
            self._signed = fingerprint_lines(described.sdp)

    def of_fork(self, fork: PeerConnection) -> CallMedia:
        """Return the offers and answers of a fork of the connection, whose offer went out."""
        made = CallMedia(fork, gathering=self._gathering, is_protected=self._is_protected)
        made._signed = self._signed
        return made

    async def offer(self) -> SessionDescription:
        """Make our next offer, with its candidates.

        Raises:
            PeerError: The connection cannot make one.
        """
        return await self._describe()

    async def answer(self, offer: str, *, identity: str | None = None) -> SessionDescription:
        """Take an offer of the other end, and make our answer, with its candidates.

        Args:
            offer: The offer.
            identity: The signature that came with it; None without one, and empty where its
                message has no place for one.

        Raises:
            PeerError: The offer cannot be taken, or not be answered; nothing has changed.
        """
        await self.connection.setRemoteDescription(
            SessionDescription(offer, SdpType.OFFER, identity)
        )
        try:
            return await self._describe()
        except BaseException:
            await self.roll_back()
            raise

    async def preview(self, answer: str) -> None:
        """Take an answer that another one may replace: media starts at once.

        Raises:
            PeerError: The answer cannot be taken.
        """
        await self.connection.setRemoteDescription(_answer(answer, SdpType.PRANSWER))

    async def take_answer(self, answer: str) -> None:
        """Take the answer to our offer.

        Raises:
            PeerError: The answer cannot be taken; the offer still waits for one.
        """
        await self.connection.setRemoteDescription(_answer(answer, SdpType.ANSWER))

    async def roll_back(self) -> None:
        """Take back an offer, ours or the other end's, that is not answered.

        A connection that has taken a preview is closed: nothing takes that back.
        """
        match self.connection.signalingState:
            case SignalingState.HAVE_LOCAL_OFFER:
                await self.connection.setLocalDescription(_ROLLBACK)
            case SignalingState.HAVE_REMOTE_OFFER:
                await self.connection.setRemoteDescription(_ROLLBACK)
            case SignalingState.HAVE_REMOTE_PRANSWER | SignalingState.HAVE_LOCAL_PRANSWER:
                await self.connection.close()
            case SignalingState.STABLE | SignalingState.CLOSED:
                pass
            case state:
                assert_never(state)

    async def _describe(self) -> SessionDescription:
        connection = self.connection
        await connection.setLocalDescription()
        try:
            async with asyncio.timeout(self._gathering):
                await connection.gathering_complete()
        except TimeoutError:
            _logger.info(
                "[%s] a description goes without the rest of its candidates", connection.id
            )
        described = connection.localDescription
        assert described is not None
        return described


def _answer(sdp: str, kind: SdpType) -> SessionDescription:
    """An answer in SIP: no response and no ACK has a place for a signature (RFC 8224 section 4)."""
    return SessionDescription(sdp, kind, identity="")
