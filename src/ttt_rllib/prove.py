"""`python -m ttt_rllib.prove MODULE:AGENT`: anybody's agent, measured and proved."""

import sys

from ttt_rllib.commands import run_command
from ttt_rllib.foreign import command
from ttt_rllib.foreign.prove import prove

__all__ = ["prove"]

if __name__ == "__main__":
    run_command(command.prove)
else:
    # `import ttt_rllib.prove` sets the package's attribute `prove`, which is this function.
    sys.modules[__name__] = prove  # type: ignore[assignment]
