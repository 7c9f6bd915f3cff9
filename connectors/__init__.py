"""Connectors: one folder per protocol or partner. They know the spine's ports and never one another."""
