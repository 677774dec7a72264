"""Now, later, or no: how many requests a pool works on, and who waits."""
