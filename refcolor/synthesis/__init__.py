"""Guided patch synthesis: PatchMatch search, votes, fusion, confidence."""
