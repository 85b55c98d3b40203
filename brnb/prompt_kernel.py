"""A kernel whose widgets answer while a cell runs, also to a page that was loaded again.

ipykernel takes what a page asks of a kernel in the thread of the cells: after a training, then.
JupyterLab opens a subshell for widgets, but asks who the kernel is before, and waits. Here the
thread that takes requests in answers those that need no cell: who the kernel is, which widgets
there are, what they show, and that a button was pressed.
"""

from typing import Any

from ipykernel.ipkernel import IPythonKernel

PROMPT = {"kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "comm_close"}


class PromptKernel(IPythonKernel):
    """The usual kernel, but for `PROMPT` (``profiles/ipython_kernel_config.py`` names it)."""

    _running: dict[str, Any] | None = None  # request of the cell that runs

    async def execute_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Run a cell, and remember that one runs."""
        self._running = parent
        try:
            await super().execute_request(stream, ident, parent)
        finally:
            self._running = None

    async def shell_channel_thread_main(self, msg: list[Any]) -> None:
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
