"""Transports of SIP messages: WebSocket (RFC 7118), TCP, TLS and UDP (RFC 3261 section 18)."""
