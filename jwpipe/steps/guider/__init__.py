"""Steps for the exposures of the guiders."""
