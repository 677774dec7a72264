"""The registry: truth about what exists. Keys, files, models with their lineage, the ledger."""
