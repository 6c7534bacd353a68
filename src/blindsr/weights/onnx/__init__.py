"""Networks as ONNX files, proven to compute the same."""
