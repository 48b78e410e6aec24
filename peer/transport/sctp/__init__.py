"""Data channels over the secure transport."""
