"""The parts of a connection say in a log line which they are and what state they are in."""

from __future__ import annotations

from peer import IceServer, PeerConnection
from tests.support.negotiation.connections import loopback


async def test_repr_of_connection_parts_shows_state_and_no_secret() -> None:
    server = IceServer("turn:127.0.0.1:9", username="user", credential="turn-password")
    async with PeerConnection(loopback(iceServers=(server,))) as pc:
        pc.addTransceiver("audio")
        await pc.setLocalDescription()
        core = pc._core  # noqa: SLF001 - what a debugger or a log shows
        assert core.id in repr(core)
        assert "new signaling=have-local-offer transports=['0']" in repr(core)
        (transport,) = core.executor.transports.values()
        assert repr(transport) == "<PeerTransport 0 ice=new dtls=new>"
        (control,) = core.executor.transceivers.values()
        assert repr(control.transceiver) in repr(control)
        parts = [core, core.executor, core.states, core.chain, core.rekey_manager, transport]
        passwords = {
            "turn-password",
            *(
                line.partition(":")[2]
                for line in (await pc.createOffer()).sdp.splitlines()
                if line.startswith("a=ice-pwd")
            ),
        }
        assert not [p for p in passwords for part in parts if p in repr(part)]
