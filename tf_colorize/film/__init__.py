"""Films: reads, colorizes, steadies and writes them piece by piece, in constant memory."""
