"""Steps that work on count rates: images, and one image an integration."""
