"""Pure domain logic: NumPy and msgspec only; no I/O, no logging, no clock."""
