"""Charts and the style sheet of every HTML page that tfstream writes."""
