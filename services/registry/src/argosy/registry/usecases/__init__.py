"""What the registry does, step by step: each module one thing that somebody asks for."""
