"""Number formats of 8-bit training and the scales that values are stored at."""

import torch

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
INPUTS = 4.0  # up to 112; no value of a normed vector is above sqrt(width)
WEIGHTS = 64.0  # up to 7, and 2^-9 of where weights start
GRADIENTS = 2.0**10  # for the largest of the sample: 56 times larger ones still fit
TOKENS = 256  # micro-batches are multiples of so many: the kernels' tiles fit
