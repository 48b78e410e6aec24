"""Association of SCTP as a pure core: packets and times in, packets and events out."""
