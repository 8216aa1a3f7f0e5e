"""Runicorn experiments in the terminal: the browser and the command line."""
