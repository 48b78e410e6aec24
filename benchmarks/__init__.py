"""Benchmarks of handfast beside other libraries, measured side by side in one run."""
