"""What the scripts of published claims share.

``Analysis`` is what a script is; ``Claim`` a row of the table of claims, with its ``Verdict``;
``networks`` the trained networks that scripts look at; ``page`` the page with everything.
"""
