"""``tfstream check`` and ``inspect``: whether services and streams work, and what a topic holds."""
