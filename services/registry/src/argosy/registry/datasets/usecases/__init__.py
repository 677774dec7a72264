"""What the API can ask of data sets, step by step."""
