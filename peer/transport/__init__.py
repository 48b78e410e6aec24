"""Carries out what negotiation decided: ICE, DTLS and SCTP."""
