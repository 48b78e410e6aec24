"""Sending half of an m-section: from the frames of a track to the RTP engine."""
