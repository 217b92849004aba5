"""What an evaluation shows: the HTML report, contact sheets, the table for the terminal, and the files for machines."""
