"""Training steps of whole networks beside the libraries on PyTorch."""
