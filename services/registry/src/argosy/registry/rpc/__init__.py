"""gRPC in, use cases out: one servicer a service of registry.proto, and nothing decided here."""
