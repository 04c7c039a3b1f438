"""Catalogues of sources: background, segments, photometry, and their tables."""
