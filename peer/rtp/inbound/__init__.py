"""A receiver: from the packets that the engine routes to it to frames, tracks and statistics."""
