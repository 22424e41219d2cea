"""Pages, statements and exports over HTTP, for whoever has a token: every answer is that of the database to them."""
