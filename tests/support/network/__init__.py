"""Network environments: ICE peers, TURN and ASGI servers, kernel namespaces and NAT."""
