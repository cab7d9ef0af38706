"""``tfstream evaluate``: the detector measured on labelled files."""
