"""The documentation site: ``make docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import resprobe

project = "resprobe"
author = "The resprobe developers"
project_copyright = "The resprobe developers, MIT licence"
version = release = resprobe.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "extensions.formulas",
    "extensions.outside",
    "extensions.commands",
    "extensions.reference",
    "extensions.gallery",
    "extensions.speed",
]
exclude_patterns = ["_build", "extensions"]
smartquotes = False  # they would turn --out into an en dash
highlight_language = "none"

# Pages: the guide in MyST, notebooks with the outputs that they are kept with.
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # they would be fetched from elsewhere
nb_mime_priority_overrides = [("html", "text/html", 0)]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
html_math_renderer = "mathml"

# Reference: docstrings in numpydoc's form, with the types that they name.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_preprocess_types = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"

html_theme = "furo"
pygments_dark_style = "monokai"
html_title = "resprobe"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_search_summary = False  # they are fetched, which a browser forbids to local files
html_show_sourcelink = False
html_show_sphinx = False
