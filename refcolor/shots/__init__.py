"""Many frames of one shot in memory: holds, tracks, static areas."""
