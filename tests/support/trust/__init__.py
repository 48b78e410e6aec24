"""Authorities, signers and people in the middle, for tests of who the peer is."""
