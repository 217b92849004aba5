"""Reports of an evaluation: HTML, contact sheets, a table for the terminal, and machine-readable files."""
