"""UDP sockets that are read to their end on each wake-up, with segmentation offload."""
