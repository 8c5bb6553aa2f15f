"""Drives workers, checks what they did, and writes down how long it took."""
