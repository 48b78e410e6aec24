"""Recordings of encoded frames into files that are playable at every moment."""
