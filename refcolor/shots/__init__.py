"""Shots in memory: frames colored in time from keys, by tracks, holds, static areas and cuts."""
