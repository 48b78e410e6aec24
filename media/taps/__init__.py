"""Taps that give a program the video and audio of a call as numpy arrays."""
