"""`python -m tf_colorize` is `tf-colorize`."""

import sys

from tf_colorize.commands import main as command

sys.exit(command.main())
