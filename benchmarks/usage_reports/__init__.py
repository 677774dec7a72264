"""How long usage and cost reports take over a month of many events."""
