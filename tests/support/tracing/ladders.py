"""Made-up traces of both ends of a session, as their taps would tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import (
    AssociationDecided,
    Datagram,
    DatagramKind,
    Described,
    Direction,
    Failed,
    FingerprintChecked,
    HandshakeCompleted,
    PathSelected,
    RoleChosen,
    StateChanged,
    TraceEvent,
    Verdict,
)

#: Seconds since 1970, at which every made-up session begins.
START = 1_795_000_000.0
#: Seconds that a datagram is under way.
DELAY = 0.004

OFFER_FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
ANSWER_FINGERPRINT = "sha-256 " + ":".join(["CD"] * 32)

SERVER_FLIGHT = "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone"
CLIENT_FLIGHT = (
    "Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished (encrypted)"
)


def sdp(*, setup: str, fingerprint: str, session: int = 1) -> str:
    """Create a description with the attributes that a ladder reads."""
    return (
        f"v=0\r\no=- {session} 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
        f"a=setup:{setup}\r\na=fingerprint:{fingerprint}\r\n"
    )


OFFER = sdp(setup="actpass", fingerprint=OFFER_FINGERPRINT)
ANSWER = sdp(setup="active", fingerprint=ANSWER_FINGERPRINT, session=2)


def sockets(generation: int = 0) -> tuple[str, str]:
    """Return the addresses of offerer and answerer in an ICE generation."""
    return f"192.0.2.1:{50000 + generation}", f"198.51.100.2:{60000 + generation}"


@dataclass
class Session:
    """Builds the traces of two ends; times are seconds since the begin.

    Args:
        skew: How far the answerer's clock is ahead, in seconds.
    """

    skew: float = 0.0
    offerer: list[TraceEvent] = field(default_factory=list)
    answerer: list[TraceEvent] = field(default_factory=list)

    def at_offerer(self, *events: TraceEvent) -> None:
        """Events of the offerer."""
        self.offerer += events

    def at_answerer(self, *events: TraceEvent) -> None:
        """Events of the answerer."""
        self.answerer += events

    def describe(self, time: float, kind: str, text: str, *, arrives: str | None = None) -> None:
        """Add a description that crosses: an offer from the offerer, others to it."""
        out = kind == "offer"
        arrived = text if arrives is None else arrives
        there, here = Direction.OUT if out else Direction.IN, Direction.IN if out else Direction.OUT
        late, early = self._times(time, out=out)
        self.offerer.append(
            Described(
                time=UnixTime(early), direction=there, type=kind, sdp=text if out else arrived
            )
        )
        self.answerer.append(
            Described(time=UnixTime(late), direction=here, type=kind, sdp=arrived if out else text)
        )

    def datagram(
        self,
        time: float,
        kind: DatagramKind,
        detail: str = "",
        *,
        out: bool,
        size: int = 200,
        lost: bool = False,
        generation: int = 0,
    ) -> None:
        """Add a datagram that crosses, from the offerer if `out`, on a generation's sockets."""
        late, early = self._times(time, out=out)
        offerer, answerer = sockets(generation)
        if out or not lost:
            direction = Direction.OUT if out else Direction.IN
            self.offerer.append(
                Datagram(
                    time=UnixTime(early),
                    transport="0",
                    direction=direction,
                    kind=kind,
                    size=size,
                    detail=detail,
                    local=offerer,
                    remote=answerer,
                )
            )
        if not out or not lost:
            direction = Direction.IN if out else Direction.OUT
            self.answerer.append(
                Datagram(
                    time=UnixTime(late),
                    transport="0",
                    direction=direction,
                    kind=kind,
                    size=size,
                    detail=detail,
                    local=answerer,
                    remote=offerer,
                )
            )

    def _times(self, time: float, *, out: bool) -> tuple[float, float]:
        """Return the time at the answerer, by its clock, and at the offerer."""
        here, there = (time, time + DELAY) if out else (time + DELAY, time)
        return START + there + self.skew, START + here


def state(time: float, machine: str, name: str) -> StateChanged:
    """Create the event of a state change of one end."""
    return StateChanged(time=UnixTime(START + time), machine=machine, state=name)


def handshake(session: Session) -> None:
    """Return the datagrams of a handshake in which the answerer is the client."""
    dtls = DatagramKind.DTLS
    session.datagram(0.050, dtls, "ClientHello", out=False, size=245)
    session.datagram(0.060, dtls, SERVER_FLIGHT, out=True, size=1100)
    session.datagram(0.0601, dtls, "ServerHelloDone", out=True, size=40)
    session.datagram(0.070, dtls, CLIENT_FLIGHT, out=False, size=900)
    session.datagram(0.080, dtls, "NewSessionTicket, ChangeCipherSpec, Finished", out=True)


def connected(skew: float = 0.0) -> Session:
    """Build the traces of a session that connects."""
    session = Session(skew)
    session.describe(0.0, "offer", OFFER)
    session.at_offerer(state(0.0005, "signalingState", "have-local-offer"))
    session.at_answerer(state(0.0045 + skew, "signalingState", "have-remote-offer"))
    session.describe(0.010, "answer", ANSWER)
    for at, role, shift in (
        (session.at_answerer, DtlsRole.CLIENT, skew),
        (session.at_offerer, DtlsRole.SERVER, 0.005),
    ):
        at(
            RoleChosen(
                time=UnixTime(START + 0.0101 + shift),
                transport="0",
                role=role,
                offered="actpass",
                answered="active",
                section="RFC 5763 section 5",
            ),
            AssociationDecided(
                time=UnixTime(START + 0.0102 + shift),
                transport="0",
                verdict=Verdict.STARTED,
                reason="the first one of this transport",
                section="RFC 5763 section 6.6",
            ),
        )
    for number in range(4):
        session.datagram(0.02 + number * 0.005, DatagramKind.STUN_REQUEST, out=True)
        session.datagram(0.0245 + number * 0.005, DatagramKind.STUN_RESPONSE, out=False)
    offerer, answerer = sockets()
    session.at_offerer(
        PathSelected(time=UnixTime(START + 0.045), transport="0", local=offerer, remote=answerer),
        state(0.0451, "iceConnectionState", "connected"),
    )
    handshake(session)
    for at, role, fingerprint, shift in (
        (session.at_offerer, DtlsRole.SERVER, ANSWER_FINGERPRINT, 0.0),
        (session.at_answerer, DtlsRole.CLIENT, OFFER_FINGERPRINT, 0.01 + skew),
    ):
        at(
            HandshakeCompleted(
                time=UnixTime(START + 0.0801 + shift),
                transport="0",
                role=role,
                version="DTLS 1.2",
                cipher="ECDHE-ECDSA-AES128-GCM-SHA256",
                srtp_profile="SRTP_AEAD_AES_128_GCM",
            ),
            FingerprintChecked(
                time=UnixTime(START + 0.0802 + shift),
                transport="0",
                expected=(fingerprint,),
                shown=fingerprint,
                matches=True,
            ),
            state(0.0803 + shift, "connectionState", "connected"),
        )
    session.datagram(0.095, DatagramKind.SRTP, out=True, size=1012)
    session.datagram(0.096, DatagramKind.SRTP, out=False, size=180)
    return session


def intercepted() -> Session:
    """Build the traces of a session whose answer was given another fingerprint on its way."""
    session = Session()
    session.describe(0.0, "offer", OFFER)
    forged = sdp(setup="active", fingerprint=OFFER_FINGERPRINT, session=2)
    session.describe(0.010, "answer", ANSWER, arrives=forged)
    handshake(session)
    sentence = "the peer's certificate does not match the fingerprint it signalled"
    session.at_offerer(
        FingerprintChecked(
            time=UnixTime(START + 0.081),
            transport="0",
            expected=(OFFER_FINGERPRINT,),
            shown=ANSWER_FINGERPRINT,
            matches=False,
        ),
        state(0.0811, "connectionState", "failed"),
        Failed(time=UnixTime(START + 0.0812), transport="0", sentence=sentence),
    )
    return session
