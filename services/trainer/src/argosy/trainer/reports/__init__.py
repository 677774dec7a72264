"""A run's report: what is in it, and how it is shown as JSON, CSV and one HTML page."""
