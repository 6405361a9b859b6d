"""Guided patch synthesis: source patches vote for the target's chroma."""
