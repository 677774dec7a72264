"""The models that come with a package: how one becomes a folder that an engine can load."""
