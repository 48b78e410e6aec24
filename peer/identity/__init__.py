"""Who a connection is: certificates and their fingerprints."""
