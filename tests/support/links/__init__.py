"""In-memory and relayed links between two ends that lose, delay, cut or change packets."""
