"""Connections, negotiators and sessions for tests of offer and answer."""
