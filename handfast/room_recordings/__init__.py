"""Recordings of rooms that people in them ask for, on the page of the room (docs/CLIENT.md)."""
