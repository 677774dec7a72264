"""Training measured: its speed beside plain TRL, and what each method does to a model."""
