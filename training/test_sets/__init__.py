"""Pictures of hands that nothing was trained on, to measure how well a model carries over.

Nothing that makes training's pictures look as they do is used here: meshes, skeletons, skins, poses, rooms, lights and
sensors are this package's own. It shares with training the definition of the 21 joints and the z-buffer's loop.
"""
