"""What a run's curves say: pure functions from series to findings, one small file a question."""
