"""From windows to episodes: the loaded champion, batches of windows, and each asset's memory."""
