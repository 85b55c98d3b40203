# For .venv/etc/ipython, where `make` puts it: kernels of papermill talk to the same machine only,
# and no warning about that is worth a line in every log.
c.IPKernelApp.log_level = "ERROR"  # noqa: F821
