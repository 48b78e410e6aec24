"""Voice activity of audio tracks, as turns of speech."""
