"""Vectors: the embedding models of the platform, behind one gRPC service. Knows nothing of chat."""
