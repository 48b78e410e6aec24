"""A call with a third-party peer, set up in a given way, and its report."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack
from peer import AnswerRole, Certificate, PeerConfiguration, PeerConnection
from peer.configuration.security_policy import SrtpProfile
from peer.identity.certificate import KeyType
from peer.runtime.transport_statistics import TransportStats
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import expected, local, opened, within
from tests.support.peers.exchange import hand_over, hear_description, trickling

if TYPE_CHECKING:
    from peer import DataChannel, DataChannelEvent, SessionDescription
    from tests.support.peers.third_party import Line, ThirdPartyPeer
    from tests.support.tracing.traces import Sink

# Seconds between two looks at what the peer counts.
_LOOK = 0.02


class Way(StrEnum):
    """Roles in a call: the offerer and the DTLS client."""

    OFFER = "we offer, the peer answers active"
    ANSWER_ACTIVE = "the peer offers, we answer active"
    ANSWER_PASSIVE = "the peer offers, we answer passive"

    @property
    def our_setup(self) -> str:
        """The `a=setup` that our description must have (RFC 5763 section 5)."""
        return {Way.OFFER: "actpass", Way.ANSWER_ACTIVE: "active"}.get(self, "passive")

    @property
    def our_role(self) -> str:
        """The `dtlsRole` that follows from the negotiated setup."""
        return "client" if self is Way.ANSWER_ACTIVE else "server"


@dataclass(frozen=True, slots=True)
class Call:
    """Set-up of a call with a third-party peer.

    Attributes:
        key_type: Of our certificate.
        profile: The only SRTP profile that we know, or None for all.
        dtls_in_stun: Whether our checks carry DTLS.
        trace: Sink of our trace, or None.
    """

    way: Way
    key_type: KeyType = KeyType.ECDSA_P256
    profile: SrtpProfile | None = None
    dtls_in_stun: bool = False
    trace: Sink | None = None

    @property
    def configuration(self) -> PeerConfiguration:
        """Open our connection with a fresh certificate."""
        passive = self.way is Way.ANSWER_PASSIVE
        return PeerConfiguration(
            answer_role=AnswerRole.PASSIVE if passive else AnswerRole.ACTIVE,
            certificates=[Certificate.generate(self.key_type)],
            srtp_profiles=tuple(SrtpProfile) if self.profile is None else (self.profile,),
            dtls_in_stun=self.dtls_in_stun,
            trace=self.trace,
        )


@dataclass(frozen=True, slots=True)
class Handshake:
    """Observations of one call.

    Attributes:
        our_setups: `a=setup` of each m-section of our description.
        peer_setups: The same of the peer's.
        role: Our `dtlsRole`.
        version: `tlsVersion`.
        cipher: `dtlsCipher`.
        profile: `srtpCipher`.
        shown: The fingerprint of the certificate that the peer has shown.
        signalled: The `a=fingerprint` values of the peer's description.
        verified: What `pc.security` says.
        echo: What came back over the data channel.
        audio_packets: How many of our SRTP packets the peer has decrypted.
        peer_transport: What the peer says of the transport, by the names of webrtc-stats.
    """

    our_setups: tuple[str, ...]
    peer_setups: tuple[str, ...]
    role: str
    version: str | None
    cipher: str | None
    profile: str | None
    shown: str
    signalled: tuple[str, ...]
    verified: bool
    echo: object
    audio_packets: int
    peer_transport: dict[str, object]


async def shake_hands(peer: ThirdPartyPeer, call: Call) -> Handshake:
    """Call the peer with an audio m-section and a data channel, until both carry packets.

    Args:
        peer: It has not been called before.
        call: How.

    Raises:
        ThirdPartyError: The peer refused something.
        PeerError: We refused something, or the connection failed.
        TimeoutError: Nothing more happened.
    """
    async with PeerConnection(call.configuration) as pc, trickling(pc, peer) as ready:
        pc.addTrack(SyntheticAudioTrack())
        if call.way is Way.OFFER:
            channel, remote = await _offer(pc, peer, ready)
        else:
            channel, remote = await _answer(pc, peer, ready)
        await within(pc.connected())
        await within(opened(channel))
        echo = await _echo(channel, "There and back")
        report = await _heard_audio(peer)
        stats = await pc.getStats()
        (transport,) = (each for each in stats.values() if isinstance(each, TransportStats))
        (security,) = pc.security.transports
        return Handshake(
            our_setups=_attributes(local(pc).sdp, "setup"),
            peer_setups=_attributes(remote.sdp, "setup"),
            role=transport.dtlsRole,
            version=transport.tlsVersion,
            cipher=transport.dtlsCipher,
            profile=transport.srtpCipher,
            shown=str(security.remote_fingerprint),
            signalled=_attributes(remote.sdp, "fingerprint"),
            verified=security.verified,
            echo=echo,
            audio_packets=report["audioPackets"],
            peer_transport=report["transport"],
        )


async def _offer(
    pc: PeerConnection, peer: ThirdPartyPeer, ready: asyncio.Event
) -> tuple[DataChannel, SessionDescription]:
    channel = pc.createDataChannel("echo")
    await pc.setLocalDescription()
    await hand_over(peer, local(pc))
    answer = await hear_description(peer)
    await pc.setRemoteDescription(answer)
    ready.set()
    return channel, answer


async def _answer(
    pc: PeerConnection, peer: ThirdPartyPeer, ready: asyncio.Event
) -> tuple[DataChannel, SessionDescription]:
    coming = expected(pc, "datachannel")
    await peer.tell("offer")
    offer = await hear_description(peer)
    await pc.setRemoteDescription(offer)
    await pc.setLocalDescription()
    await hand_over(peer, local(pc))
    ready.set()
    # First, since a connection that fails has no data channel to wait for.
    await within(pc.connected())
    event: DataChannelEvent = await within(coming)
    return event.channel, offer


async def _echo(channel: DataChannel, text: str) -> object:
    back = expected(channel, "message")
    channel.send(text)
    return await within(back)


async def _heard_audio(peer: ThirdPartyPeer) -> Line:
    async with asyncio.timeout(DEADLINE):
        while True:
            await peer.tell("report")
            report = await peer.hear("report")
            if report["audioPackets"] > 0:
                return report
            await asyncio.sleep(_LOOK)


def _attributes(sdp: str, name: str) -> tuple[str, ...]:
    start = f"a={name}:"
    return tuple(line.removeprefix(start) for line in sdp.splitlines() if line.startswith(start))
