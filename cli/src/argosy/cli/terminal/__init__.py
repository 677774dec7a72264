"""What a person at a terminal sees of a fleet. Knows its state, not how it is supervised."""
