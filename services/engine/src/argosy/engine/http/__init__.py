"""HTTP: the routes, their bodies, and what goes back."""
