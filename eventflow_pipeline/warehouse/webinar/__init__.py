"""Webinar concurrency (C3): sampling presence, replacing days of buckets, what is wrong with the sampler."""
