"""Where and in which precision a training computes."""

import torch


def pick_device(wish: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda"."""
    return torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish
    )


def pick_precision(wish: str, device: torch.device) -> str:
    """The precision for "auto": bf16 where matrix units compute it, else fp32."""
    if wish != "auto":
        return wish
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
