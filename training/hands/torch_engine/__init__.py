"""The same pictures as the numba engine's, many scenes at once in plain torch, on a CPU or a GPU."""
