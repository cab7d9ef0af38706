"""Options of the commands: declared once, in groups, and how their texts are parsed."""
