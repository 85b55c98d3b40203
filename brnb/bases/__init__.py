"""Hugging Face models, frozen: found, quantised, spread over GPUs, their templates and maps."""
