"""Whether what a model is asked has moved away from what it was trained on. Pure."""
