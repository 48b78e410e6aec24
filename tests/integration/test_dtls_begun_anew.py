"""A peer without its state that begins DTLS anew on the checked path, as rtpengine does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.association import DtlsAssociation
from peer.transport.interfaces import PacketHandlers
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Captured, Side
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import announced, loopback, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class BegunAnew:
    """The answerer's DTLS, which has forgotten everything but its certificate."""

    def __init__(self, between: Call, certificate: Certificate) -> None:
        self.rtp: list[bytes] = []
        self._path = between.wire.paths[0]
        self.association = DtlsAssociation(
            certificate=certificate,
            role=DtlsRole.CLIENT,
            path=self,
            handlers=PacketHandlers(
                lambda packet, _: self.rtp.append(packet), lambda _: None, lambda _: None
            ),
            events=self,
        )
        between.wire.fate = self._fate

    def send(self, datagram: bytes) -> bool:
        self._path.inject(Side.OFFERER, datagram)
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def on_state(self, state: DtlsTransportState) -> None:
        """Take no note: the test looks at the state itself."""

    def on_handshake_complete(self) -> None:
        """Take no note, as above."""

    def _fate(self, each: Captured) -> Iterable[bytes]:
        if each.is_stun:
            return (each.data,)
        if each.sender is Side.OFFERER:
            self.association.receive(each.data)
        return ()


async def test_media_goes_on_under_the_new_keys_and_no_state_changes() -> None:
    certificate = Certificate.generate()
    async with call(None, loopback(certificates=[certificate])) as between:
        between.offerer.addTrack(ToneTrack(500))
        await between.connect()
        states: list[str] = []
        between.offerer.on(
            "connectionstatechange", lambda: states.append(between.offerer.connectionState)
        )
        former = between.offerer.remoteDescription
        anew = BegunAnew(between, certificate)
        fingerprint = announced(between.offerer).split()
        anew.association.verify([between.offerer.security.transports[0].local_fingerprint])
        anew.association.start()
        await until(lambda: len(anew.rtp) > 5)

        assert anew.association.state is DtlsTransportState.CONNECTED
        assert states == []
        (transport,) = between.offerer.security.transports
        assert transport.verified
        assert transport.remote_fingerprint == certificate.fingerprint()
        assert between.offerer.remoteDescription == former
        assert announced(between.offerer).split() == fingerprint
        anew.association.close()
        await asyncio.sleep(0)
