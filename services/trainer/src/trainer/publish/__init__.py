"""Publishes a file that was made elsewhere: ONNX or TorchScript, with any named tensors."""
