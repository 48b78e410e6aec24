"""Rekey of a running connection: new DTLS associations on all transports, and their schedule."""
