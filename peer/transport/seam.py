"""Owns every private name of aiortc and aioice that we touch; an upgrade of either fails here first.

The names are pinned by version (`pyproject.toml`) and by `tests/unit/transport/test_seam.py`.
"""

from __future__ import annotations

# ---- ICE: aioice.Connection and aiortc's RTCIceGatherer and RTCIceTransport

# ---- DTLS: aiortc's RTCDtlsTransport

# ---- SCTP: aiortc's RTCSctpTransport and RTCDataChannel

# ---- RTP: aiortc's RTCRtpSender and RTCRtpReceiver
