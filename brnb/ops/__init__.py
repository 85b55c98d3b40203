"""What a model computes, exactly, in PyTorch; `brnb.ops.kernels` has the same for a GPU."""
