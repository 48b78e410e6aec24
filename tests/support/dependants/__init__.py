"""Packages of PyPI that stand on aiortc, run on `peer.compat` in environments of their own."""
