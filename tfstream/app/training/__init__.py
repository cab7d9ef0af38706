"""``tfstream train`` and ``trainer``: refits, the promotion gate, promotion and rollback."""
