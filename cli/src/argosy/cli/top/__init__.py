"""What `argosy top` shows: scrape, sum up, draw."""
