"""The routes, one module for each kind of thing; each calls one service."""
