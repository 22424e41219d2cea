"""What both applications over HTTP stand on: their server, users' tokens, who may call from where, and how much."""
