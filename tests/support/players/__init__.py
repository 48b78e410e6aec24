"""Players of recordings: real browsers, with and without hls.js, and FFmpeg."""
