"""One DTLS association with its SRTP keys, driven by the datagrams that are pushed in."""
