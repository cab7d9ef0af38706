"""``tfstream evaluate``: the detector on labelled files."""
