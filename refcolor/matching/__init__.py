"""Where in the source each target pixel was, and in what light."""
