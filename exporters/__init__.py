"""Exporters: queue, batch, retry, send; answer for what was lost."""
