"""The words of a query: the terms that it asks for, other spellings, inflected forms."""
