"""Which rows a refit learns from, and which model may become champion."""
