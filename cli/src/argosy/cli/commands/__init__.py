"""One module a command of `argosy`: reads the arguments, calls the fleet, shows the outcome."""
