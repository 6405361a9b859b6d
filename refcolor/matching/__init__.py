"""Matching of target and source: optical flow, SIFT alignment, mirrored views, changes of light."""
