"""Trace sinks, and made-up traces of both ends for tests of ladders."""
