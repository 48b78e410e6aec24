"""Recordings: encoded frames written to files, which are good at every moment."""
