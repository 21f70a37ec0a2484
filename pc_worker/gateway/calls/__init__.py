"""The calls of the gRPC service, one module each."""
