"""What holds for all tests."""

import signal

# A shell that starts them in the background has them ignore Ctrl-C, and with them whatever they start in order to
# interrupt it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
