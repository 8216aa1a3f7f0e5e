"""Version 1 of the API, for scripts that were written for the original Runicorn: the questions of V2 in older words."""
