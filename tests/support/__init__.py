"""Shared parts of the tests, one package for each kind: peers, links, media, clocks, and more."""
