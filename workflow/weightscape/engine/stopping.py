"""Snakemake's answer to SIGTERM, kept from waiting for itself.

Its scheduler notes the signal under a lock that is not reentrant (9.27.1). A handler runs in the main thread, which
holds that lock while it finishes jobs; a signal in such a moment stopped Snakemake for ever, and with it the resumed
study, or the cluster's job.
"""

import threading
from typing import Any


def in_own_thread(scheduler: Any) -> None:
    """Let the handler of SIGTERM of Snakemake's scheduler wait in a thread of its own, for the main thread to go on."""
    noted = scheduler.exit_gracefully

    def handler(self: Any, *arguments: Any) -> None:
        threading.Thread(target=noted, args=(self, *arguments), daemon=True).start()

    scheduler.exit_gracefully = handler
