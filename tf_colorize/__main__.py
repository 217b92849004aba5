"""`python -m tf_colorize` is `tf-colorize`."""

import sys

from tf_colorize.commands import main

sys.exit(main.main())
