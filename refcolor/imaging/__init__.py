"""Functions on arrays: color spaces, features, palette, flat colors, luma-exact merge, metrics."""
