"""Tracks, encoded frames and files with known contents, and checks of recordings."""
