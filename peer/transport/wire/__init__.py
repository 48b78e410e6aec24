"""Parsers of single datagrams: STUN, DTLS records and messages, SCTP packets, DCEP. PURE."""
