"""The child that compresses a model. It runs in an environment of its own (.venv-compress)."""
