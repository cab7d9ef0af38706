"""``tfstream demo``: a simulated water plant with labelled faults, the steps of a run, and a report."""
