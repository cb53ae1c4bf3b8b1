"""The configuration: its loader, its schema, and the shipped rule files."""
