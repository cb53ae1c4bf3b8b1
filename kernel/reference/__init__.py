"""The reference kernel: Python, plain, the specification."""
