"""A simulator of adapters on engines: the gateway's own decisions next to those of others."""
