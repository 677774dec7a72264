"""The SQL of data sets."""
