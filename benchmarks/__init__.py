"""Side-by-side measurements of the gateway, each printing ratios. See README.md."""
