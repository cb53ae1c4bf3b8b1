"""The tail sampler."""
