"""What runs a model: ONNX Runtime, PyTorch."""
