"""Models, textures and collision shapes: what a scene refers to by name."""
