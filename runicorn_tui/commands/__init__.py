"""One module for each command of the command line.

A module is imported when its command is run or listed in a help text, so what is heavy (the store, the
server, the screens) is imported inside the functions that need it.
"""
