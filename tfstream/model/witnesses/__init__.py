"""The witnesses of errors and levels: what they compare, and how they follow an asset."""
