"""On-call: what is wrong now, telling people, and finding out why."""
