"""Which rows are learnt from, and which model may take over."""
