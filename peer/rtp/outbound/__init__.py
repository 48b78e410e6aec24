"""A sender: from the frames of a track to the engine, as parameters and the peer allow."""
