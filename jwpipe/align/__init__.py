"""Alignment of exposures: their stars, matched and fitted to each other or to a catalogue of the sky."""
