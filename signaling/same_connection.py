"""Tells whether two descriptions come from one RTCPeerConnection. PURE."""

from __future__ import annotations


def is_of_another_connection(sdp: str, *, known: str) -> bool:
    """Tell whether a description comes from another connection than one that is known.

    A connection keeps its session id (RFC 9429 section 5.2.1), but for aiortc's, which makes a new
    one for each description; it keeps its certificate, but for a rekey. Both change only where a
    page was loaded again, or a program started anew.

    Args:
        sdp: The description.
        known: An earlier description of the same participant.
    """
    return _session_id(sdp) != _session_id(known) and not _fingerprints(sdp) & _fingerprints(known)


def _session_id(sdp: str) -> str:
    for line in sdp.splitlines():
        if line.startswith("o="):
            # RFC 8866 section 5.2: the user, the session's id and its version.
            return " ".join(line.split(" ")[:2])
    return ""


def _fingerprints(sdp: str) -> set[str]:
    return {line.strip().lower() for line in sdp.splitlines() if line.startswith("a=fingerprint:")}
