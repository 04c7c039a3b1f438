"""What a step and a pipeline are, and how they are run."""
