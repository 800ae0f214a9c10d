"""Warm kernels: each is forked from one process that has paid the imports, so it is ready at once.

The process is the fork server of Python's multiprocessing, the kernel is ipykernel's own, and jupyter_client's kernel
provisioner, the documented place for it, joins them: papermill and nbclient do not notice.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from chanjiao import preload

PROVISIONER = "chanjiao-warm"  # the name under which pyproject.toml registers WarmProvisioner


def start(modules: Iterable[str]) -> None:
    """Start the fork server of this process if it has none, and let it import `modules` while we go on.

    To be called inside `notebook.kernel_environment`, whose settings it inherits. It ends with this process, also when
    that is killed, since it waits on a pipe that only this process and its kernels hold.
    """
    os.environ[preload.PRELOADED] = " ".join(modules)
    forkserver.set_forkserver_preload([preload.__name__])
    forkserver.ensure_running()


def serve(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Be a kernel, started with the arguments of ipykernel_launcher; what a forked process does."""
    os.setsid()  # a signal to the kernel's group must reach neither its siblings nor the fork server
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(argv=arguments)


def _end_with_parent() -> None:
    # ipykernel watches the process that forked it, which is the fork server and not the command that needs the kernel.
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


class KernelProcess:
    """A forked process with the face of subprocess.Popen that jupyter_client's LocalProvisioner works with."""

    stdin = stdout = stderr = None

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel where jupyter_client's own provisioner starts a new Python."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=serve, args=(arguments, dict(kwargs["env"])))
        process.start()
        self.process = KernelProcess(process)  # type: ignore[assignment]  # a Popen is expected, its face is enough
        self.pid = process.pid
        return self.connection_info


class WarmKernelManager(AsyncKernelManager):
    """A kernel manager that asks for the warm provisioner, whatever the kernel specification says."""

    @property
    def kernel_spec(self) -> KernelSpec | None:
        """The specification there is, with the provisioner put in."""
        spec = super().kernel_spec
        if spec:
            spec.metadata["kernel_provisioner"] = {"provisioner_name": PROVISIONER, "config": {}}
        return spec
