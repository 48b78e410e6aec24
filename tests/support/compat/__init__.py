"""Runs programs and tests written for aiortc on `peer.compat`."""
