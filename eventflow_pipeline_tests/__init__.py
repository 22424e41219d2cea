"""Tests against real Postgres servers; nothing that can run is replaced."""
