"""`python -m tf_colorize` is `tf-colorize`."""

import sys

from tf_colorize import cli

sys.exit(cli.main())
