"""Reports on products: comparison, quick look, summary."""
