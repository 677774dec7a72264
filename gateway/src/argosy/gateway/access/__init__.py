"""Who sends a request. Knows keys; does not know what they ask for."""
