"""IPython without a kernel: cells run in this process, which has imported torch already."""

import contextlib
import logging
import os
import warnings

import matplotlib
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot
from matplotlib_inline.backend_inline import configure_inline_support
from matplotlib_inline.config import InlineBackend
from traitlets.config import Config


class _Results(DisplayHook):
    """Keeps what a cell ends in beside what it displays."""

    def __call__(self, result=None):
        if result is not None:
            self.shell.display_pub.publish(*self.shell.display_formatter.format(result))


class Shell(InteractiveShell):
    """Keeps what cells show instead of printing it."""

    displayhook_class = _Results
    display_pub_class = CapturingDisplayPublisher

    def enable_gui(self, gui=None):
        """Pictures are drawn inline: there is no window whose events were to be waited for."""

    @property
    def shown(self):
        """Of each output its forms, by MIME type."""
        return [output["data"] for output in self.display_pub.outputs]


@contextlib.contextmanager
def notebook_shell():
    """A shell in which warnings are errors; how this process was is restored."""
    backend, seed = matplotlib.get_backend(), os.environ.get("PL_GLOBAL_SEED")
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    Shell.clear_instance()
    shell = Shell.instance(config=Config(HistoryManager={"enabled": False}))
    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("error")
            yield shell
    finally:
        shell.restore_sys_module_state()
        configure_inline_support(shell, backend)  # else the next shell would draw nothing
        InlineBackend.clear_instance()
        Shell.clear_instance()
        pyplot.switch_backend(backend)
        log.setLevel(level)
        os.environ.pop("PL_GLOBAL_SEED", None)
        if seed is not None:
            os.environ["PL_GLOBAL_SEED"] = seed
