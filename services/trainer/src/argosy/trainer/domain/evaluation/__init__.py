"""What answers are worth: metrics, one file a family, and what their values mean.

Pure. Knows texts and numbers. Does not know models, the gateway or rows.
"""
