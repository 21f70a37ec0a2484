"""The gateway against a bare gRPC server."""
