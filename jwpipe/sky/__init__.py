"""The level of the sky in exposures that overlap: where they do, how high it is there, what makes it equal."""
