"""Layers that multiply by a dense matrix."""
