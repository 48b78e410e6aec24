"""Several sounds in one sound, several pictures in one picture."""
