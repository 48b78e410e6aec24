"""Clocks, event loops and executors for tests in virtual time."""
