"""What every Argosy process needs before it does its own job. Knows no part."""
