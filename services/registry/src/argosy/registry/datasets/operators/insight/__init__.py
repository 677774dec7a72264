"""What is in a data set, told in numbers; each number leads to its records."""
