"""The report of ``tfstream demo``: one HTML page that needs only a browser."""
