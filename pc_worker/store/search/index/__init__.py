"""Vector indexes: what there is, how it is built, how much it recalls."""
