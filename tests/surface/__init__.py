"""What others depend on: log lines, commands, settings, routes, files and stored keys, as one list that is committed.

`surface.txt` is that list; `python -m tests.surface` writes it again from what the code says and does. It names nothing
that is only ours, such as a module or a class, so it stays as it is when code moves.
"""
