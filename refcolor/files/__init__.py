"""Pictures, videos, sequences and models in files. Only here are formats known."""
