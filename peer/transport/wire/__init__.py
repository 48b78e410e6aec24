"""What a datagram is, read without I/O: STUN, DTLS records and messages, SCTP packets, DCEP."""
