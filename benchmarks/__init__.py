"""What `make bench` measures: ratios between things measured in the same run, never bare seconds."""
