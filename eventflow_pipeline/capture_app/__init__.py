"""Capture as an ASGI application: what serves pages and calls, holds events, and stores them."""
