"""Made-up traces of rekeys and ICE restarts after the first handshake."""

from __future__ import annotations

from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    DatagramKind,
    Direction,
    FingerprintChecked,
    HandshakeCompleted,
    KeysSwitched,
    PathSelected,
    Verdict,
)
from tests.support.tracing.ladders import (
    ANSWER_FINGERPRINT,
    CLIENT_FLIGHT,
    OFFER_FINGERPRINT,
    SERVER_FLIGHT,
    START,
    Session,
    connected,
    sdp,
    sockets,
)

NEW_FINGERPRINT = "sha-256 " + ":".join(["EF"] * 32)
_KEPT = "the peer kept its association"
_DTLS = DatagramKind.DTLS


def _offer(number: int, **attributes: str) -> str:
    """Create the offerer's description with a version of its session."""
    fingerprint = attributes.pop("fingerprint", OFFER_FINGERPRINT)
    text = sdp(setup="actpass", fingerprint=fingerprint)
    text = text.replace("o=- 1 1 ", f"o=- 1 {number} ")
    return text + "".join(f"a={name}:{value}\r\n" for name, value in attributes.items())


def _answer(number: int, **attributes: str) -> str:
    text = sdp(setup="active", fingerprint=ANSWER_FINGERPRINT, session=2)
    text = text.replace("o=- 2 1 ", f"o=- 2 {number} ")
    return text + "".join(f"a={name}:{value}\r\n" for name, value in attributes.items())


def rekey(session: Session, time: float, association: int = 1) -> None:
    """Add a rekey by the offerer, in which the answerer sends its ClientHello before its answer."""
    version = association + 1
    session.describe(time, "offer", _offer(version, fingerprint=NEW_FINGERPRINT))
    session.datagram(time + 0.006, _DTLS, "ClientHello", out=False, size=245)
    session.describe(time + 0.007, "answer", _answer(version))
    for at, shift in ((session.at_answerer, 0.007), (session.at_offerer, 0.011)):
        at(
            AssociationDecided(
                time=UnixTime(START + time + shift),
                transport="0",
                verdict=Verdict.STARTED,
                reason="the offerer's fingerprint changed",
                section="RFC 8842 section 3.1",
            )
        )
    session.datagram(time + 0.010, _DTLS, SERVER_FLIGHT, out=True, size=1100)
    session.datagram(time + 0.015, _DTLS, CLIENT_FLIGHT, out=False, size=900)
    _secure(session, time + 0.019, association, at_answerer=False)
    # Under the old keys, as those of the server wait for a word of the client under the new ones.
    session.datagram(time + 0.0195, DatagramKind.SRTP, out=True, size=1012)
    session.datagram(time + 0.020, _DTLS, "ChangeCipherSpec, Finished", out=True)
    _secure(session, time + 0.024, association, at_answerer=True)
    session.at_answerer(_switched(time + 0.0241, Direction.OUT, association))
    session.datagram(time + 0.0242, DatagramKind.SRTCP, out=False, size=80)
    session.at_offerer(
        _switched(time + 0.0283, Direction.OUT, association),
        _switched(time + 0.0284, Direction.IN, association),
    )
    session.datagram(time + 0.029, DatagramKind.SRTP, out=True, size=1000)
    session.at_answerer(_switched(time + 0.033, Direction.IN, association))
    # Told again, as with each change of keys.
    session.datagram(time + 0.034, DatagramKind.SRTP, out=False, size=180)
    session.datagram(time + 0.035, DatagramKind.SRTP, out=True, size=990)
    for at, shift in ((session.at_offerer, 120.03), (session.at_answerer, 120.034)):
        at(_retired(time + shift, association - 1, "its keys are old"))


def _secure(session: Session, time: float, association: int, *, at_answerer: bool) -> None:
    role = DtlsRole.CLIENT if at_answerer else DtlsRole.SERVER
    shown = NEW_FINGERPRINT if at_answerer else ANSWER_FINGERPRINT
    at = session.at_answerer if at_answerer else session.at_offerer
    at(
        HandshakeCompleted(
            time=UnixTime(START + time),
            transport="0",
            role=role,
            version="DTLS 1.2",
            cipher="ECDHE-ECDSA-AES128-GCM-SHA256",
            srtp_profile="SRTP_AEAD_AES_128_GCM",
            association=association,
        ),
        FingerprintChecked(
            time=UnixTime(START + time),
            transport="0",
            expected=(shown,),
            shown=shown,
            matches=True,
            association=association,
        ),
    )


def _switched(time: float, direction: Direction, association: int) -> KeysSwitched:
    return KeysSwitched(
        time=UnixTime(START + time), transport="0", direction=direction, association=association
    )


def _retired(time: float, association: int, reason: str) -> AssociationRetired:
    return AssociationRetired(
        time=UnixTime(START + time), transport="0", association=association, reason=reason
    )


def rekeyed(times: int = 1) -> Session:
    """Build the traces of a session with a number of rekeys, a second apart."""
    session = connected()
    for number in range(1, times + 1):
        rekey(session, float(number), number)
    for events in (session.offerer, session.answerer):
        events.sort(key=lambda event: event.time)
    return session


def kept() -> Session:
    """Build the traces of a session whose answerer accepts a rekey and does not follow it."""
    session = connected()
    session.describe(1.0, "offer", _offer(2, fingerprint=NEW_FINGERPRINT))
    session.describe(1.01, "answer", _answer(2))
    session.at_offerer(
        AssociationDecided(
            time=UnixTime(START + 1.015),
            transport="0",
            verdict=Verdict.UNDECIDED,
            reason="our fingerprint changed",
            section="RFC 8842 section 3.1",
        ),
        _retired(4.015, 1, _KEPT),
    )
    return session


def restarted() -> Session:
    """Build the traces of a session whose ICE restart selects another path."""
    session = connected()
    session.describe(1.0, "offer", _offer(2, **{"ice-ufrag": "aaaa"}))
    session.describe(1.01, "answer", _answer(2, **{"ice-ufrag": "bbbb"}))
    session.describe(2.0, "offer", _offer(3, **{"ice-ufrag": "cccc"}))
    session.describe(2.01, "answer", _answer(3, **{"ice-ufrag": "dddd"}))
    for number in range(3):
        at = 2.02 + number * 0.01
        session.datagram(at, DatagramKind.STUN_REQUEST, out=True, generation=1)
        session.datagram(at + 0.001, DatagramKind.STUN_REQUEST, out=True)
        session.datagram(at + 0.006, DatagramKind.STUN_RESPONSE, out=False)
        session.datagram(at + 0.005, DatagramKind.STUN_RESPONSE, out=False, generation=1)
    local, remote = sockets(1)
    session.at_offerer(
        PathSelected(time=UnixTime(START + 2.06), transport="0", local=local, remote=remote)
    )
    for number in range(1, 3):
        at = 2.0 + 5 * number
        session.datagram(at, DatagramKind.STUN_REQUEST, out=True, generation=1)
        session.datagram(at + 0.005, DatagramKind.STUN_RESPONSE, out=False, generation=1)
    return session
