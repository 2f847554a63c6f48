"""What a notebook shows: chains and results as they are evaluated, and the lesion explorer.

``chain_html`` and ``result_html`` of :mod:`resprobe.notebook.display` are what a ``Chain`` and
a ``Result`` show themselves as where a cell ends with them; :func:`resprobe.explore` deletes and
swaps blocks by click. Colours follow the page that the output stands in, light or dark. Nothing
is imported here, for a result is shown without torch.
"""
