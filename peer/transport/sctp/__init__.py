"""Data channels over a secure transport, through restarts of the peer's SCTP."""
