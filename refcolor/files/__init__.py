"""Files: pictures (PNG, EXR, ...), videos, sequences, models, atomic writes. Only here are formats known."""
