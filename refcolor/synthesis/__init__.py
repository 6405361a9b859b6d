"""Guided patch synthesis: PatchMatch search, votes, flat regions, confidence."""
