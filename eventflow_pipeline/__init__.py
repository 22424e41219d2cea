"""Daily campaign and link buckets from EventFlow's facts: exact, explainable, self-healing."""
