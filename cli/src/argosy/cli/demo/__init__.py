"""The demonstration: a model that cannot draw charts is tuned live and then can."""
