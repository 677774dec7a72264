"""The one table of what a user may set. Validation, help, preview and documents read it."""
