"""RTP packets, parameters and engines for tests of senders and receivers."""
