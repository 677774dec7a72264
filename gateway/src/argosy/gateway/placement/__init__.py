"""Which adapters live where: the record of it, and the calls that make it so."""
