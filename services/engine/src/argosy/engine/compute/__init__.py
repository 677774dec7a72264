"""The only room of the engine that knows torch and transformers; imported with the first model."""
