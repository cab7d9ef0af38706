"""The study of alarms: what an operator sees of a fault, and what it costs in false alarms."""
