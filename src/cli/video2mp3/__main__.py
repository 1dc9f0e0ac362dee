"""The program `video2mp3`, also as `python -m video2mp3`."""

import signal
import sys


def run() -> None:
    """Loads the commands and runs one; an interruption before that ends the program without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell ignores SIGINT in what it runs in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(130))
    from video2mp3 import main  # noqa: PLC0415  loading takes most of a second

    main.run()


if __name__ == "__main__":
    run()
