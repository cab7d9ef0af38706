"""The beginning of ``docs/performance.md``."""

INTRO = """# Performance

How fast tfstream is, measured by `make bench`, which writes this page from the JSON files in
`performance/`: never by hand. Targets stand beside the figures, met or not. Ratios compare what ran in
the same minute on the same core; they say more than the rates beside them, which are those of one
machine. What earlier runs gave on other machines is folded up under each part.
"""
