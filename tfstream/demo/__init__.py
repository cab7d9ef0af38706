"""The simulated water plant of ``tfstream demo``, its labelled faults and the report."""
