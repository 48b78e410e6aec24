"""How we compare with others, measured side by side in one run."""
