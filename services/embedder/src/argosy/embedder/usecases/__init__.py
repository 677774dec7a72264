"""What the embedder does, one module a use case."""
