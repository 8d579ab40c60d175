"""torch.export, ONNX and 8 bits."""
