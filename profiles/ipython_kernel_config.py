"""How the project's kernels behave: `make` puts this file into .venv/etc/ipython.

No warning that they talk without encryption, to the same machine only: in a batch it would stand
in every log. And their widgets answer while a cell runs, also to a page that was loaded again:
ipykernel takes what a page asks in the thread of the cells, after a training, then. JupyterLab
opens a subshell for widgets, but asks who the kernel is before, and waits.
"""

from ipykernel.ipkernel import IPythonKernel

PROMPT = {"kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "comm_close"}


class PromptKernel(IPythonKernel):
    """The usual kernel, but for `PROMPT`: the thread that takes requests in answers it."""

    _running = None  # request of the cell that runs

    async def execute_request(self, stream, ident, parent):
        """Run a cell, and remember that one runs."""
        self._running = parent
        try:
            await super().execute_request(stream, ident, parent)
        finally:
            self._running = None

    async def shell_channel_thread_main(self, msg):
        """Answer what needs no cell; hand everything else on."""
        idents, frames = self.session.feed_identities(msg, copy=False)
        header = self.session.deserialize(frames, content=False, copy=False)["header"]
        if header["msg_type"] not in PROMPT:
            await super().shell_channel_thread_main(msg)
            return
        request = self.session.deserialize(frames, copy=False)
        self._publish_status("busy", "shell", parent=request)
        answer = self.shell_handlers[header["msg_type"]](self.shell_stream, idents, request)
        if answer is not None:
            await answer
        self._publish_status("idle", "shell", parent=request)
        if self._running:  # so that the page shows it
            self._publish_status("busy", "shell", parent=self._running)


c.IPKernelApp.log_level = "ERROR"  # noqa: F821
c.IPKernelApp.kernel_class = PromptKernel  # noqa: F821
