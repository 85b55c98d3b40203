"""What a model computes, exactly, in PyTorch; `brnb.ops.kernels` has the same for a GPU.

What has a kernel is a registered operation (`torch.library.custom_op`): its definition, for a CPU,
stands here, and where PyTorch sees a GPU the module registers the kernel at its end. Elementwise
functions have no kernel of their own: `torch.compile` makes one (`brnb.ops.elementwise`).
"""
