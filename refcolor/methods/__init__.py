"""The methods that color a picture: the report's, quick, standard. One file each."""
