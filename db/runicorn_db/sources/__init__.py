"""Readers of experiments on disk, one module for each tracker and each kind of file."""
