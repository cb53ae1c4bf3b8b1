"""Receivers: they take bytes, ask for admission, answer."""
