"""The steps of stage 1: from raw ramps to count rates."""
