"""What protoc made of proto/embedding_stream.proto: never edited (see docs/decisions/)."""
