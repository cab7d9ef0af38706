"""The command line: data to stdout, talk to stderr, ``--json`` for programs."""
