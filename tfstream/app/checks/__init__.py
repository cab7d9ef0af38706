"""``tfstream check`` and ``inspect``: what works, and what a topic holds."""
