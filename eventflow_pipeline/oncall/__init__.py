"""On-call: what is wrong now, notifying people, and finding out why."""
