"""DTMF tones in INFO requests of SIP, as gateways write them. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signaling.sip.errors import SipUsageError
from signaling.sip.replies import reply_to
from signaling.sip.session_events import ToneReceived

if TYPE_CHECKING:
    from sipmessage import Request, Response

#: Media types of tones (no RFC has them: Cisco's, and the older one with the digit alone).
TONE_TYPES: Final = ("application/dtmf-relay", "application/dtmf")
#: Seconds that a tone lasts whose INFO does not say so (ours; W3C's default for DTMF is 0.1).
_DEFAULT_DURATION: Final = 0.1
#: Bound on the duration of a tone, in seconds (W3C webrtc-pc section 12.2: 6000 ms).
_LONGEST: Final = 6.0
_NAMES: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_SIGNAL: Final = re.compile(
    r"(?:^|[\r\n])\s*signal\s*=\s*([0-9]{1,2}|[*#a-d])\s*(?:[\r\n]|$)", re.IGNORECASE
)
_DURATION: Final = re.compile(
    r"(?:^|[\r\n])\s*duration\s*=\s*([0-9]{1,6})\s*(?:[\r\n]|$)", re.IGNORECASE
)
_DIGIT: Final = re.compile(r"\s*([0-9*#a-d]|1[0-5])\s*", re.IGNORECASE)


def media_type_of(request: Request) -> str:
    """Media type of the body of a request, in lower case and without parameters; empty for none."""
    return (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def tone_of(request: Request) -> ToneReceived | None:
    """Tone in an INFO request; None where there is none that we know."""
    text = request.body.decode("latin-1")
    kind = media_type_of(request)
    if kind == "application/dtmf":
        found, seconds = _DIGIT.fullmatch(text), None
        # Some write what belongs into application/dtmf-relay.
        if found is None:
            found, seconds = _SIGNAL.search(text), _DURATION.search(text)
    elif kind == "application/dtmf-relay":
        found, seconds = _SIGNAL.search(text), _DURATION.search(text)
    else:
        return None
    if found is None:
        return None
    signal = found[1].upper()
    duration = int(seconds[1]) / 1000 if seconds else _DEFAULT_DURATION
    tone = _NAMES.get(signal, signal)
    return ToneReceived(tone=tone, duration=min(duration, _LONGEST)) if len(tone) == 1 else None


def tone_body(tone: str, *, milliseconds: int) -> bytes:
    """Body of an INFO request with a tone, of the media type application/dtmf-relay.

    Raises:
        SipUsageError: It is no tone.
    """
    if len(tone) != 1 or tone.upper() not in "0123456789*#ABCD":
        raise SipUsageError(f"{tone!r} is no DTMF tone")
    return f"Signal={tone.upper()}\r\nDuration={milliseconds}\r\n".encode("ascii")


def answer_info(request: Request) -> tuple[Response, ToneReceived | None]:
    """Answer an INFO request, and return the tone in it; None where there is none."""
    kind = media_type_of(request)
    if request.headers.get("Info-Package") is not None:
        # RFC 6086 section 4.2.2: we have no package.
        return reply_to(request, 469), None
    if not request.body:
        return reply_to(request, 200), None
    if tone := tone_of(request):
        return reply_to(request, 200), tone
    if kind in TONE_TYPES:
        return reply_to(request, 400), None
    response = reply_to(request, 415)
    response.headers.set("Accept", ", ".join(TONE_TYPES))
    return response, None
