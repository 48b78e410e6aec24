"""Certificates that a connection shows, and the fingerprints that are signalled for them."""
