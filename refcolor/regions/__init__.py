"""What belongs together in a picture: regions between edges, their neighbors, what was decided for each."""
