"""What the site is made of besides the pages that are written by hand."""
