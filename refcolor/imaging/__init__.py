"""Plain functions on arrays: color, features, palettes, merging, metrics."""
