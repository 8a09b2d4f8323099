"""Adapters to what others wrote: each over Storage alone, with an extra of its own."""
