"""What every long-running process needs: metrics, threads, workers, shutdown, retry pauses."""
