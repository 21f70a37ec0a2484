"""A model as an ONNX graph: exported once, checked, kept."""
