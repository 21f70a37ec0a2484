"""The backends that run a model: ONNX Runtime and PyTorch."""
