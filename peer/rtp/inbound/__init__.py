"""RTP receivers make frames, tracks and statistics of the packets that the engine routes."""
