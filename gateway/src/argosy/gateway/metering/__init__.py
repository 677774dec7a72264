"""What every request used: recorded on disk at once, sent to the ledger when the bus takes it."""
