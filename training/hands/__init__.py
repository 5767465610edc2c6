"""Synthetic hands: the hand model, its poses, the renderer and what cameras do to the picture."""
