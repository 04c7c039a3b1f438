"""Simulated exposures with their references and the truth that was put in: what the demo and the tests run on."""
