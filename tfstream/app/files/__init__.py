"""CSV and Parquet files of readings: read, loaded into the database, replayed into a topic."""
