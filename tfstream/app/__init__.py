"""What each command does, one step function each, read top to bottom."""
