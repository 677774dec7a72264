"""What each method learns: a loss over parts of a step, and the values to watch.

The formulas are the papers', each named where it stands; tests hold the losses against trl's.
"""
