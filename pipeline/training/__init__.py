"""The training engine: plain PyTorch, from a file of tokens to a trained model."""
